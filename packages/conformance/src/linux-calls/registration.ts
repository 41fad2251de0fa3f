import type { LinuxCalls } from '@pageferry/linux';

/** A binding, as it registers for the suite. */
export interface LinuxCallsRegistration {
  /** Title of the suite, for example the package's name. */
  readonly name: string;
  /** The system calls under test. */
  readonly load: () => LinuxCalls;
  /**
   * URL of a module that exports `loadLinuxCalls(): LinuxCalls`. Child processes and worker threads
   * of the suite import it.
   */
  readonly moduleUrl: string;
  /**
   * Whether a mapping ends when its buffer is garbage-collected, and when the thread that made it
   * ends. True unless given.
   */
  readonly collectsMappings?: boolean;
  /**
   * Whether writes to read-only memory can be explained. Where not, `explainWrites` answers `-ENOSYS`.
   * True unless given.
   */
  readonly explainsWrites?: boolean;
}

/** What each part of the suite is given. */
export interface SuiteContext {
  /** The system calls under test, on this thread. */
  readonly calls: LinuxCalls;
  /** See {@link LinuxCallsRegistration.moduleUrl}. */
  readonly moduleUrl: string;
  /** See {@link LinuxCallsRegistration.collectsMappings}. */
  readonly collectsMappings: boolean;
  /** See {@link LinuxCallsRegistration.explainsWrites}. */
  readonly explainsWrites: boolean;
}
