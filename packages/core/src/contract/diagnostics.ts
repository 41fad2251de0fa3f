import type { ReceiverInfo } from './sender.js';
import type { PeerCredentials } from './transport.js';

/**
 * What Pageferry publishes to channels of `node:diagnostics_channel`, by the name of the channel. Nothing is made for a
 * channel that nobody has subscribed to. Subscribers run in the middle of what is told: they must not call back.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe('pageferry:stall', (event) => console.error(event));
 */
export interface DiagnosticsEvents {
  /** A peer is connected. */
  readonly 'pageferry:connect': PeerEvent;
  /** A peer is gone: it has closed, has died, or was given up. Not told of what this side closes itself. */
  readonly 'pageferry:disconnect': PeerEvent & {
    /** Why, if it was not in good order, as far as that is known. */
    readonly reason?: unknown;
  };
  /** This side has ended a connection: something failed here, or the peer broke the protocol. */
  readonly 'pageferry:cut-off': {
    readonly endpoint?: string;
    /** Mostly a `PageferryError`. */
    readonly reason: unknown;
  };
  /** A message was dropped for a receiver that may miss some (`whenBehind`). */
  readonly 'pageferry:drop': {
    /** Whom it was dropped for, and how many were until now. */
    readonly receiver: ReceiverInfo;
  };
  /** Bytes are copied where they need not be, or another transport was taken than the best. */
  readonly 'pageferry:fallback': {
    readonly endpoint?: string;
    /** What is done instead: a method of `Sender.stats` or `SpliceResult`, or the name of a transport. */
    readonly method: string;
    readonly reason?: string;
  };
  /** A call has waited for another second. */
  readonly 'pageferry:stall': {
    readonly endpoint?: string;
    readonly call: 'loan' | 'send' | 'receive';
    /** For how long it has waited, in milliseconds. */
    readonly milliseconds: number;
    /** What for, in the words of the error that a time limit would have brought. */
    readonly waitsFor: string;
  };
  /** What a bridge (`@pageferry/bridge`) does has changed. */
  readonly 'pageferry:bridge': BridgeChange;
}

/** What a bridge does now. */
export interface BridgeChange {
  /**
   * - `connecting`: it looks for the sender, and connects both ends.
   * - `bridging`: both ends are connected, and messages pass.
   * - `pausing`: something has failed, and is tried again in a while.
   * - `closed`: it has ended.
   */
  readonly state: 'connecting' | 'bridging' | 'pausing' | 'closed';
  /** The endpoint where messages come from. */
  readonly from: string;
  /** The endpoint where they go. */
  readonly to: string;
  /** What has failed; with `pausing`. */
  readonly reason?: unknown;
  /** How long it pauses; with `pausing`. */
  readonly milliseconds?: number;
}

/** Of which peer an event tells. */
export interface PeerEvent {
  /** What this side is. */
  readonly side: 'sender' | 'receiver' | 'channel';
  /** The endpoint of the sender or listener, as it was asked for; absent where it is not known. */
  readonly endpoint?: string;
  /** The peer of a sender. */
  readonly receiver?: ReceiverInfo;
  /** The peer of a channel, where the transport knows it. */
  readonly peer?: PeerCredentials;
}
