import { BaseChannel, type BaseChannelSettings, type PeerCredentials } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';
import type { Link } from '../ends/link.js';

/** What whoever opens a channel is told of it. */
export interface ChannelEvents {
  /** Messages may have come, or room. */
  readonly onNews?: () => void;
  /** The peer has hung up. */
  readonly onHangUp?: (channel: BaseChannel) => void;
  /** The channel is closed. */
  readonly onClose?: (channel: BaseChannel) => void;
}

/** Both halves of a channel, as a mechanism has made them. */
export interface ChannelHalves extends Pick<BaseChannelSettings, 'sender' | 'receiver'> {
  /** Takes in what has changed for the sending half, and has its calls look again. */
  readonly wakeSender: () => void;
  /** Has the calls of the receiving half look again. */
  readonly wakeReceiver: () => void;
  /**
   * Frees what the sending half has. Not at its end, which may be a half-close: until the channel is closed the peer
   * returns what it has over a connection that still brings messages.
   */
  readonly freeSender: () => void;
}

/**
 * Puts a channel together, and starts to watch its connection.
 *
 * @throws `SYSTEM_CALL_FAILED`; then both halves stay the caller's.
 */
export function joinHalves(
  calls: LinuxCalls,
  link: Link,
  peer: PeerCredentials | undefined,
  { sender, receiver, wakeSender, wakeReceiver, freeSender }: ChannelHalves,
  { onNews, onHangUp, onClose }: ChannelEvents,
): BaseChannel {
  const channel = new BaseChannel({
    sender,
    receiver,
    peer,
    keepAlive: (on) => link.keepAlive(on),
    onClose: (closed) => {
      freeSender();
      onClose?.(closed);
    },
  });
  const onRing = (): void => {
    wakeSender();
    wakeReceiver();
    onNews?.();
  };
  link.watch(calls, {
    onRing,
    onHangUp: () => {
      onRing();
      onHangUp?.(channel);
    },
  });
  link.watchProcess(calls, peer?.pid);
  return channel;
}
