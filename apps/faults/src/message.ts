import { createHash } from 'node:crypto';

const DIGEST_BYTES = 32;
const TILE = 4096;

/**
 * Fills a message: a SHA-256 digest, and what it is the digest of, which depends on `number`. A message too short for
 * that is filled with one byte.
 *
 * @param bytes the message, the caller's.
 */
export function write(bytes: Uint8Array, number: number): void {
  if (bytes.length <= DIGEST_BYTES) {
    bytes.fill(number & 0xff);
    return;
  }
  const content = bytes.subarray(DIGEST_BYTES);
  const first = content.subarray(0, TILE);
  for (let index = 0; index < first.length; index++)
    first[index] = (number * 31 + index * 7) & 0xff;
  // Each copy begins elsewhere, so that no page of the message is like the one before.
  for (let at = TILE; at < content.length; at += TILE) {
    content.copyWithin(at, 0, Math.min(TILE, content.length - at));
    content[at] = (at / TILE) & 0xff;
  }
  bytes.set(digestOf(content));
}

/** Whether all of a message is as {@link write} has left it: in one piece, and of one message. */
export function isWhole(bytes: Uint8Array, number: number): boolean {
  if (bytes.length <= DIGEST_BYTES) return bytes.every((byte) => byte === (number & 0xff));
  const content = bytes.subarray(DIGEST_BYTES);
  if (content[0] !== ((number * 31) & 0xff)) return false;
  return digestOf(content).equals(bytes.subarray(0, DIGEST_BYTES));
}

function digestOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
