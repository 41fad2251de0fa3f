import type { Payload } from './channel.js';
import type { Delivery } from './receiver.js';
import type { Loan, SendOptions, SendOutcome } from './sender.js';
import type { WaitOptions } from './transport.js';

export type { Payload };

/** Options of `Listener.anyChannel`. */
export interface AnyChannelOptions {
  /**
   * How many messages may be under way to one channel: those that its peer has not given back, or questions that it
   * has not answered, whichever are more. While all channels have so many, a call waits. Default: 16.
   */
  readonly maxUnderWay?: number | undefined;
}

/** Options of {@link AnyChannel.request}. */
export interface AnyRequestOptions extends SendOptions {
  /**
   * Called when the one who was asked is gone (or broke the protocol) before it has answered. Gets the question back
   * as a loan, its bytes unchanged, and why. Whatever comes to true asks another one; anything else has the request
   * reject with that error. A loan of the caller's is the caller's again then; one that the call has made is released.
   *
   * What was asked may have been done, though no answer came: only the caller knows whether it may be done twice.
   */
  readonly onLost?: ((question: Loan, reason: unknown) => boolean | Promise<boolean>) | undefined;
}

/**
 * All channels of a listener as one: each message goes to one of them, the one that has the fewest under way. Answers
 * come back here, other messages by `Listener.receive`.
 *
 * @example
 * const workers = listener.anyChannel({ maxUnderWay: 2 });
 * const results = await Promise.all(jobs.map((job) => workers.request(job, { onLost: () => true })));
 */
export interface AnyChannel {
  /** As `Channel.loan`. Which channel it goes to is decided when it is sent. */
  loan(byteLength: number, options?: WaitOptions): Promise<Loan>;
  /** As `Channel.tryLoan`. */
  tryLoan(byteLength: number): Loan | undefined;
  /** As `Channel.send`, to one of the channels; `'no-receiver'` if there is none. */
  send(
    bytes: ArrayBufferView | readonly ArrayBufferView[],
    options?: SendOptions,
  ): Promise<SendOutcome>;
  /**
   * As `Channel.request`, to one of the channels.
   *
   * @param question bytes, or a loan of this object.
   * @throws as `Channel.request`; `PEER_DIED` also if there is no channel.
   */
  request(question: Payload, options?: AnyRequestOptions): Promise<Delivery>;
}
