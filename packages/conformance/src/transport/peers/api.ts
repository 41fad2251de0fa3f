import type {
  Capabilities,
  ConnectOptions,
  ListenOptions,
  ReceiverInfo,
  ReceiverOptions,
  ReceiverStats,
  SenderOptions,
  SenderStats,
  SendOutcome,
} from '@pageferry/core';
import type { ChannelAction, ListenerAction } from './channel-actions.js';

/** What a peer received, added up, so that thousands of messages fit into one answer. */
export interface ReceiveReport {
  readonly messages: number;
  readonly bytes: number;
  /** Number of the first message; -1 if there was none. */
  readonly first: number;
  /** Number of the last message; -1 if there was none. */
  readonly last: number;
  /** True if the sender's orderly end was seen. */
  readonly ended: boolean;
  /** Everything that was wrong: a byte, a gap, a message out of order. Empty if all was well. */
  readonly problems: readonly string[];
}

/** What a peer sent, added up. */
export interface SendReport {
  readonly outcomes: Readonly<Record<SendOutcome, number>>;
}

/** What came with a message, as the peer reads it. */
export interface DescriptorsReport {
  readonly sequence: number;
  readonly byteLength: number;
  /** What is in the files that came, in their order. */
  readonly files: readonly string[];
}

/** What a process or thread uses at the moment. */
export interface UsageReport {
  readonly pid: number;
  /** Open descriptors of the process. */
  readonly descriptors: number;
  /** Resident memory of the process in bytes. */
  readonly residentBytes: number;
  /** Mappings of files, those without a name among them; a heap has others, as many as it likes. */
  readonly mappings: number;
  /** Timers that are set. */
  readonly timers: number;
}

/** Where a remote `spliceTo` writes: opened by the peer for the time of the call. */
export interface SpliceTarget {
  readonly path: string;
  readonly flags: number;
}

/** What a remote `spliceTo` did, added up. */
export interface SpliceReport {
  readonly messages: number;
  readonly bytes: number;
  readonly ended: boolean;
}

/**
 * What a test may ask of a peer. Senders, receivers, listeners, channels and threads are named by the number that the call
 * which made them returned. Messages carry the pattern of their sequence number.
 */
export interface PeerApi {
  createSender(options: SenderOptions): Promise<number>;
  /** Sends one message of each length, waiting for each. */
  send(sender: number, lengths: readonly number[]): Promise<SendReport>;
  /** Sends `count` messages of one length. With `blank`, the bytes are left as they are. */
  sendMany(sender: number, count: number, byteLength: number, blank?: boolean): Promise<SendReport>;
  /** Sends a message without bytes and with open files. @returns the outcome. */
  sendDescriptors(sender: number, paths: readonly string[]): Promise<SendOutcome>;
  waitForReceivers(sender: number, count: number): Promise<void>;
  listReceivers(sender: number): Promise<readonly ReceiverInfo[]>;
  flush(sender: number): Promise<void>;
  senderStats(sender: number): Promise<SenderStats>;
  closeSender(sender: number): Promise<void>;
  destroySender(sender: number): Promise<void>;

  createReceiver(options: ReceiverOptions): Promise<number>;
  /** Receives `count` messages, or as many as come before the end; checks and releases each. */
  receive(receiver: number, count: number): Promise<ReceiveReport>;
  /** Receives a message, reads the files that came with it, and closes and releases everything. */
  receiveDescriptors(receiver: number): Promise<DescriptorsReport>;
  /** As {@link receive}, without releasing them. */
  hold(receiver: number, count: number): Promise<ReceiveReport>;
  /** Checks again what is held. */
  checkHeld(receiver: number): Promise<ReceiveReport>;
  /** Releases the `count` messages that have been held for longest. */
  releaseHeld(receiver: number, count: number): Promise<void>;
  spliceTo(receiver: number, target: SpliceTarget, count: number): Promise<SpliceReport>;
  receiverStats(receiver: number): Promise<ReceiverStats>;
  closeReceiver(receiver: number): Promise<void>;

  listen(options: ListenOptions): Promise<number>;
  /** Waits for a channel that was not accepted yet. */
  accept(listener: number): Promise<number>;
  connect(options: ConnectOptions): Promise<number>;
  /** Does one of the {@link ListenerActions}. */
  useListener(listener: number, action: ListenerAction): Promise<unknown>;
  /** Does one of the {@link ChannelActions}. */
  useChannel(channel: number, action: ChannelAction, args: readonly unknown[]): Promise<unknown>;

  /** Starts a worker thread of the peer, which is a peer of its own. */
  startThread(): Promise<number>;
  /** Passes a call on to a thread. */
  callThread(thread: number, command: PeerCommand, args: readonly unknown[]): Promise<unknown>;
  /** Ends a thread as it is, whatever it has open. */
  terminateThread(thread: number): Promise<void>;

  /** What the peer has loaded. */
  identity(): Promise<{ readonly name: string; readonly capabilities: Capabilities }>;
  usage(): Promise<UsageReport>;
  /** Has the peer's clock and timers stand still for good, as those of a test runner would. */
  stopClock(): Promise<void>;
  /** Destroys and closes everything that is still there. */
  reset(): Promise<void>;
}

/** The name of something that a test may ask of a peer. */
export type PeerCommand = keyof PeerApi;
