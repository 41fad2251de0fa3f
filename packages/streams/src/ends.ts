import {
  type Channel,
  type Delivery,
  PageferryError,
  type Receiver,
  type Sender,
} from '@pageferry/core';

/** Where messages come from: a receiver, or the receiving half of a channel. */
export type MessageSource = Receiver | Channel;

/** Where messages go: a sender, or the sending half of a channel. */
export type MessageSink = Sender | Channel;

/** True for a channel: it has both directions, and ends each for itself. */
export function isChannel(end: MessageSource | MessageSink): end is Channel {
  return 'finish' in end && 'receive' in end;
}

/** True for what can be received from. */
export function isSource(end: unknown): end is MessageSource {
  return typeof (end as Partial<MessageSource> | null | undefined)?.receive === 'function';
}

/** True for what can be sent to. */
export function isSink(end: unknown): end is MessageSink {
  return typeof (end as Partial<MessageSink> | null | undefined)?.loan === 'function';
}

/** True for a message that was received, and is to be released. */
export function isDelivery(value: unknown): value is Delivery {
  const { copy, release } = (value ?? {}) as Partial<Delivery>;
  return typeof copy === 'function' && typeof release === 'function';
}

/** Closes a channel whose two directions have both ended in order, and leaves any other alone. */
export async function closeIfOver(channel: Channel): Promise<void> {
  if (channel.ended && channel.finished) await channel.close();
}

/** What a stream fails with that has something to send, and nobody is there any more. */
export function nobodyReceives(): PageferryError {
  return new PageferryError(
    'PEER_DIED',
    'nobody receives what is written to this stream any more: the other side is gone',
  );
}
