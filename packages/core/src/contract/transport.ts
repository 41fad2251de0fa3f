import type { Capabilities } from './capabilities.js';
import type { Channel, Listener } from './channel.js';
import type { Receiver } from './receiver.js';
import type { Sender } from './sender.js';

/**
 * Who is at the other end, as the kernel reports it: where a path is the endpoint, who has connected
 * (`SO_PEERCRED`, unix(7)), with its effective ids; with `fd:N` who has begun to talk (`SCM_CREDENTIALS`),
 * with its real ones.
 */
export interface PeerCredentials {
  /** Process id of the peer; `undefined` for a process that this one's pid namespace does not know. */
  readonly pid: number | undefined;
  /** User id of the peer. */
  readonly uid: number;
  /** Group id of the peer. */
  readonly gid: number;
}

/**
 * Other users whom an endpoint is for, besides the one of this process. Ids are those of this process's user namespace.
 * The id that stands for all whom it does not know (65534, mostly) is trusted by nobody.
 */
export interface Allow {
  /** Users, by their effective ids. */
  readonly uids?: readonly number[] | undefined;
  /**
   * Groups. One group alone, without users, is all who have it, as the kernel finds it when they connect to the file;
   * otherwise it is those whose effective group it is.
   */
  readonly gids?: readonly number[] | undefined;
}

/** Ends a wait early. */
export interface WaitOptions {
  /** Rejects the call with `ABORTED` when it fires. */
  readonly signal?: AbortSignal | undefined;
  /** Rejects the call with `TIMEOUT` after this many milliseconds. No limit by default. */
  readonly timeout?: number | undefined;
}

/** What every transport's `createSender` takes. Backends add options of their own. */
export interface SenderOptions {
  /**
   * A name, or the file system path, of the Unix socket where receivers find this sender. The file is created
   * with mode 0600 and removed on close; a stale one that a killed process left behind is replaced, and one
   * that somebody removes is made anew.
   *
   * Without a slash it is a name: a file in `$XDG_RUNTIME_DIR/pageferry`, or, where that is not set or not this
   * user's, in a folder beside temporary files (`pageferry-UID`). The folder is made, and has to be this user's
   * alone. With a slash it is a path; a relative one (`./NAME`) stands for the file that it names now, wherever
   * the process goes (`process.chdir`).
   *
   * `fd:N` is neither: it stands for descriptor N, one end of a connected Unix socket, whose other
   * end a child process inherits. The sender takes the descriptor over, and has that one receiver.
   * Needs the capability `inheritedEndpoint`.
   */
  readonly endpoint: string;
  /**
   * Who else may connect. The endpoint has to be a path. The socket file gets mode 0660 and the group for one group
   * alone, which this process has to be in, and 0666 otherwise. Where Node makes the sockets, one group alone is possible.
   * Default: nobody.
   */
  readonly allow?: Allow | undefined;
  /**
   * How many bytes may be out on loan or under way at the same time. `loan()` waits when there is
   * no room. One larger message is still possible when nothing else is out. Default: 64 MiB.
   *
   * A process that goes beyond the memory limit of its control group is killed. So the transports for
   * Linux refuse a pool that exceeds the limit, and warn of one that exceeds what is left.
   */
  readonly poolBytes?: number | undefined;
  /** How many receivers may be connected at once. Default: the transport's `maxReceivers`. */
  readonly maxReceivers?: number | undefined;
  /**
   * For how many microseconds a wait may poll before it parks on the event loop. It is also the
   * longest time for which the transport holds the event loop without giving other events a turn, though no less
   * than 20. 0 turns polling off, but for a few looks that take less time than to park; and for 50 microseconds of
   * looks where sixteen waits were answered during theirs. Default: 100.
   */
  readonly spinMicroseconds?: number | undefined;
  /**
   * True to count how long messages are, and how long calls and deliveries take, by orders of magnitude: see
   * `stats().histograms`. It costs each message some reads of the clock. Default: false.
   */
  readonly histograms?: boolean | undefined;
}

/** What every transport's `createReceiver` takes. Backends add options of their own. */
export interface ReceiverOptions extends WaitOptions {
  /**
   * The name or path of the sender's Unix socket. It need not exist yet. `fd:N` stands for an
   * inherited socket. All as with {@link SenderOptions.endpoint}; the receiver takes it over.
   */
  readonly endpoint: string;
  /** Whose endpoint it may be besides. Where Node makes the sockets, users alone. Default: nobody else's. */
  readonly allow?: Allow | undefined;
  /**
   * How many bytes of unreleased deliveries this receiver may hold. `receive()` waits above it. One
   * larger message is still possible when nothing else is held. Default: 64 MiB.
   */
  readonly maxBorrowedBytes?: number | undefined;
  /** See {@link SenderOptions.spinMicroseconds}. */
  readonly spinMicroseconds?: number | undefined;
  /** See {@link SenderOptions.histograms}. */
  readonly histograms?: boolean | undefined;
}

/** What both sides of a channel take. Backends add options of their own. */
export interface ChannelSideOptions {
  /**
   * How many bytes of this side's messages may be out at the same time: of a listener, those of all its channels
   * together. See {@link SenderOptions.poolBytes}. Default: 64 MiB.
   */
  readonly poolBytes?: number | undefined;
  /** How many bytes of unreleased deliveries may be held, of each channel. See {@link ReceiverOptions}. Default: 64 MiB. */
  readonly maxBorrowedBytes?: number | undefined;
  /** See {@link SenderOptions.spinMicroseconds}. */
  readonly spinMicroseconds?: number | undefined;
  /** See {@link SenderOptions.histograms}: of each channel, and of a listener of all its channels together. */
  readonly histograms?: boolean | undefined;
}

/** What every transport's `listen` takes. */
export interface ListenOptions extends ChannelSideOptions {
  /** See {@link SenderOptions.endpoint}. With `fd:N` there is one channel. */
  readonly endpoint: string;
  /**
   * Who else may connect. The endpoint has to be a path. The socket file gets mode 0660 and the group for one group
   * alone, which this process has to be in, and 0666 otherwise. Where Node makes the sockets, one group alone is possible.
   * Default: nobody.
   */
  readonly allow?: Allow | undefined;
  /** How many channels may be open at once. Default: the transport's `maxChannels`. */
  readonly maxChannels?: number | undefined;
}

/** What every transport's `connect` takes. */
export interface ConnectOptions extends ChannelSideOptions, WaitOptions {
  /** See {@link ReceiverOptions.endpoint}. It need not exist yet. */
  readonly endpoint: string;
  /** Whose endpoint it may be besides. Where Node makes the sockets, users alone. Default: nobody else's. */
  readonly allow?: Allow | undefined;
}

/**
 * A way to move messages from one process to another. A backend package exports one of these.
 *
 * A transport holds no state: it can be used from any number of worker threads, and many senders and
 * receivers can live in one process.
 */
export interface Transport<
  S extends SenderOptions = SenderOptions,
  R extends ReceiverOptions = ReceiverOptions,
  L extends ListenOptions = ListenOptions,
  C extends ConnectOptions = ConnectOptions,
> {
  /** The backend's name, as users type it: `vmsplice-napi`, `shared-mmap`, `socket`. */
  readonly name: string;
  /** What it can do beyond the contract, and its limits. */
  readonly capabilities: Capabilities;
  /**
   * Binds the endpoint and owns the memory that messages are written into.
   *
   * @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`, `ENDPOINT_TOO_LONG`, `ENDPOINT_IN_USE`,
   *   `ENDPOINT_FORBIDDEN`, `SYSTEM_CALL_FAILED`, `BINDING_UNAVAILABLE`.
   */
  createSender(options: S): Promise<Sender>;
  /**
   * Connects to a sender. Waits for the sender to appear, so the two may start in either order.
   * Messages that were sent before the connection stands are not seen.
   *
   * @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`, `ENDPOINT_TOO_LONG`, `ENDPOINT_FORBIDDEN`,
   *   `NOT_PAGEFERRY`, `VERSION_MISMATCH`, `TRANSPORT_MISMATCH`, `PEER_REJECTED`, `ABORTED`,
   *   `TIMEOUT`, `SYSTEM_CALL_FAILED`, `BINDING_UNAVAILABLE`.
   */
  createReceiver(options: R): Promise<Receiver>;
  /**
   * Binds the endpoint, and owns the memory that messages to all its channels are written into.
   *
   * @throws as {@link createSender}, and `NOT_SUPPORTED` where `capabilities.maxChannels` is 0.
   */
  listen(options: L): Promise<Listener>;
  /**
   * Opens a channel to whoever listens at the endpoint. Waits for it to appear, so the two may start in either order.
   *
   * @throws as {@link createReceiver}, and `NOT_SUPPORTED` where `capabilities.maxChannels` is 0.
   */
  connect(options: C): Promise<Channel>;
}
