import type { Bytes } from './bytes.js';
import type { Sender, SendOptions, SendOutcome } from './sender.js';

/** Options of {@link InPlaceSender.sendInPlace}. */
export interface SendInPlaceOptions extends SendOptions {
  /**
   * Number of the message, higher than those of all before: receivers take numbers that are left out for messages that
   * were dropped. Default: the one that follows.
   */
  readonly sequence?: number | undefined;
  /** True to wait for a receiver where there is none, rather than to say `'no-receiver'`. Default: false. */
  readonly waitForReceivers?: boolean | undefined;
}

/**
 * A sender that can also send bytes which are not memory of its own, without a copy of them in user space: what somebody
 * else has lent, such as a delivery that goes on to another host. Some transports have such senders.
 */
export interface InPlaceSender extends Sender {
  /**
   * Sends bytes where they are, in order with all else that is sent. Resolves to `'sent'` once they have left: from then
   * on nobody reads them here any more. Until then they must stay as they are. After a rejection they may still be read
   * until this sender is closed or destroyed.
   *
   * @param bytes the caller's, and read until this resolves.
   * @throws `INVALID_ARGUMENT`, `MESSAGE_TOO_LARGE`, `CLOSED`, `ABORTED`, `TIMEOUT`, `SYSTEM_CALL_FAILED`,
   *   `BYTES_DETACHED` if the bytes are not there any more.
   * @example
   * using delivery = await receiver.receive();
   * if (delivery !== undefined) await sender.sendInPlace(delivery.bytes, { tag: delivery.tag });
   */
  sendInPlace(bytes: Bytes, options?: SendInPlaceOptions): Promise<SendOutcome>;
}
