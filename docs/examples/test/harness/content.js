import { createHash } from 'node:crypto';

/** The largest message, in bytes. */
export const MAX_BYTES = 4096;

/** How far apart messages begin in {@link noise}: neighbours differ in nearly every byte. */
const STRIDE = 7919;

/** Bytes that do not compress, the same ones in every process. */
const noise = new Uint8Array(128 * 1024);
for (let index = 0, state = 1; index < noise.length; index++) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  noise[index] = state >>> 24;
}

/**
 * What all messages have, if they are to be of one length. Messages of many lengths do not always find
 * room at a stretch; some then get memory of their own, which is gone once it is released.
 */
const SAME_LENGTH = Number(process.env.EXAMPLE_MESSAGE_BYTES ?? 0);

/**
 * Length of message `number`: from 1 to MAX_BYTES, in no simple order.
 *
 * @param {number} number
 */
export function lengthOf(number) {
  return SAME_LENGTH || ((number * 2_654_435_761) % MAX_BYTES) + 1;
}

/**
 * Writes message `number` into `bytes`.
 *
 * @param {Uint8Array} bytes
 * @param {number} number
 */
export function fillMessage(bytes, number) {
  const from = (number * STRIDE) % (noise.length - MAX_BYTES);
  bytes.set(noise.subarray(from, from + bytes.length));
  // The noise repeats after a while; the numbers do not.
  for (let index = 0; index < 4 && index < bytes.length; index++) {
    bytes[index] = number >>> (8 * index);
  }
}

/**
 * Digest of the messages from 0 to `count` - 1.
 *
 * @param {number} count
 */
export function digestOf(count) {
  const hash = createHash('sha256');
  for (let number = 0; number < count; number++) {
    const message = new Uint8Array(lengthOf(number));
    fillMessage(message, number);
    hash.update(message);
  }
  return hash.digest('hex');
}

/**
 * How many bytes they have.
 *
 * @param {number} count
 */
export function bytesOf(count) {
  let bytes = 0;
  for (let number = 0; number < count; number++) bytes += lengthOf(number);
  return bytes;
}
