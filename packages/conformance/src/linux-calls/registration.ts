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
  /**
   * Whether other threads can be shown memory. Where not, `threadAlias` and `threadBell` answer `-ENOSYS`. False unless
   * given; see {@link nodeSharesMemory}.
   */
  readonly sharesWithThreads?: boolean;
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
  /** See {@link LinuxCallsRegistration.sharesWithThreads}. */
  readonly sharesWithThreads: boolean;
}

/** The first versions of Node that make a `SharedArrayBuffer` over memory that is there already: 22.23.3, 24.16, 26.1. */
const FIRST_SHARING = [
  [22, 23, 3],
  [24, 16, 0],
  [26, 1, 0],
] as const;

/** Whether this version of Node has `node_api_create_external_sharedarraybuffer`. */
export function nodeSharesMemory(version: string = process.versions.node): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return FIRST_SHARING.some(([line, firstMinor, firstPatch]) => {
    if (major !== line) return line === 26 && major > line;
    return minor > firstMinor || (minor === firstMinor && patch >= firstPatch);
  });
}
