import type { ListenOptions, ReceiverOptions, SenderOptions, Transport } from '@pageferry/core';

/** What a backend says about itself to run the suite. */
export interface TransportRegistration<
  S extends SenderOptions = SenderOptions,
  R extends ReceiverOptions = ReceiverOptions,
  L extends ListenOptions = ListenOptions,
> {
  /** What is tested, in this process. */
  readonly transport: Transport<S, R, L>;
  /**
   * URL of the built module that exports the transport: the peers, which are processes and threads
   * of their own, import it. For example `new URL('../dist/index.js', import.meta.url).href`.
   */
  readonly moduleUrl: string;
  /** Name of the transport's export in that module. */
  readonly exportName: string;
  /** Options for every sender of the suite, on both sides. Plain data. */
  readonly senderOptions?: Partial<Omit<S, 'endpoint'>> | undefined;
  /** Options for every receiver of the suite, on both sides. Plain data. */
  readonly receiverOptions?: Partial<Omit<R, 'endpoint'>> | undefined;
  /** Options for every listener and every channel of the suite, on both sides. Plain data. */
  readonly channelOptions?: Partial<Omit<L, 'endpoint' | 'maxChannels'>> | undefined;
  /** Capacity around which messages are tried one byte smaller and larger. Default: 1 MiB. */
  readonly pipeBytes?: number | undefined;
  /**
   * False for a transport that lives in one thread alone and has no socket file, such as one made
   * for tests: the peer then runs beside the test, and what needs processes is skipped. Default: true.
   */
  readonly processes?: boolean | undefined;
  /**
   * What the endpoints of the suite begin with, where they are no files: for a transport without the capability
   * `localEndpoint`, which needs it. For example `nats:conformance.`. Names of the suite's own are put behind it.
   */
  readonly endpoints?: string | undefined;
  /** False for a transport that cannot tell who is at the other end of a channel. Default: true. */
  readonly knowsPeers?: boolean | undefined;
  /**
   * False for a transport whose messages pass through buffers of another library, which makes new ones for each: V8 counts
   * those. Default: true.
   */
  readonly ownBuffers?: boolean | undefined;
  /** Time limit of each test in milliseconds. Default: 30 000. */
  readonly testTimeout?: number | undefined;
}

/** A registration with every default filled in. */
export interface Subject {
  readonly transport: Transport;
  readonly moduleUrl: string;
  readonly exportName: string;
  readonly senderOptions: object;
  readonly receiverOptions: object;
  readonly channelOptions: object;
  readonly pipeBytes: number;
  readonly processes: boolean;
  /** True if endpoints are socket files. */
  readonly files: boolean;
  readonly endpoints: string | undefined;
  readonly knowsPeers: boolean;
  readonly ownBuffers: boolean;
  readonly testTimeout: number;
}

/** Fills in the defaults. */
export function toSubject<
  S extends SenderOptions,
  R extends ReceiverOptions,
  L extends ListenOptions,
>(registration: TransportRegistration<S, R, L>): Subject {
  // The suite passes the options that the registration itself asks for, and the common ones.
  const transport = registration.transport as unknown as Transport;
  const { processes = true } = registration;
  return {
    transport,
    moduleUrl: registration.moduleUrl,
    exportName: registration.exportName,
    senderOptions: registration.senderOptions ?? {},
    receiverOptions: registration.receiverOptions ?? {},
    channelOptions: registration.channelOptions ?? {},
    pipeBytes: registration.pipeBytes ?? 1024 * 1024,
    processes,
    files: processes && transport.capabilities.localEndpoint,
    endpoints: registration.endpoints,
    knowsPeers: registration.knowsPeers ?? true,
    ownBuffers: registration.ownBuffers ?? true,
    testTimeout: registration.testTimeout ?? 30_000,
  };
}
