import { PageferryError } from '../errors.js';

/**
 * The error for bytes that some other API has detached: their `ArrayBuffer` has been moved on, and the
 * view that was handed out has length 0.
 *
 * @param what 'loan' or 'delivery'.
 */
export function bytesDetached(what: 'loan' | 'delivery'): PageferryError {
  const remedy =
    what === 'loan'
      ? 'give it memory of its own, copy the result into loan.bytes, and release this loan'
      : 'give it a copy, delivery.copy()';
  return new PageferryError(
    'BYTES_DETACHED',
    `another API took over the memory of this ${what}, as a byte stream does with what is enqueued ` +
      `(controller.enqueue) or read into (reader.read(view)), and ArrayBuffer.transfer, structuredClone ` +
      `and postMessage with a transfer list: ${remedy}`,
  );
}

/** The error for a message of which a part is lost: its memory was detached while it was still coming in. */
export function messageLost(): PageferryError {
  return new PageferryError(
    'BYTES_DETACHED',
    'part of this message is lost: the program had another API take over a view that it kept of an ' +
      'earlier delivery, and the memory was in use again. Pass a copy, delivery.copy()',
  );
}

/**
 * The error for bytes to send that are not there any more, or not all of them.
 *
 * @param argument the name of what they were given as.
 */
export function sourceDetached(argument: string): PageferryError {
  return new PageferryError(
    'BYTES_DETACHED',
    `the memory of ${argument} was transferred (ArrayBuffer.transfer, structuredClone and postMessage with a transfer list), or ` +
      `is shorter than it was (ArrayBuffer.resize). This message was not sent: leave it as it is until the call has ended, or pass a copy`,
  );
}
