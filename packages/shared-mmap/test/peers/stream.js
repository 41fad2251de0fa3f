// @ts-check
// The messages that go through the tests of processes that are killed: whoever knows the number of
// one knows all of its bytes. Small ones mostly, and some that mostly need memory of their own.

const LENGTHS = [0, 1, 100, 1000, 5000, 40, 20_000, 300, 0, 64, 7, 4096];
const LARGE = 200 * 1024;

/** @param {number} number */
export function lengthOf(number) {
  return number % 97 === 96 ? LARGE : /** @type {number} */ (LENGTHS[number % LENGTHS.length]);
}

/** @param {number} number @param {number} index */
const byteAt = (number, index) => (number * 31 + index * 7 + (index >> 8)) & 255;

/** @param {Uint8Array} bytes @param {number} number */
export function write(bytes, number) {
  for (let index = 0; index < bytes.length; index++) bytes[index] = byteAt(number, index);
}

/** True if all of a message is as it was written. @param {Uint8Array} bytes @param {number} number */
export function isIntact(bytes, number) {
  if (bytes.length !== lengthOf(number)) return false;
  for (let index = 0; index < bytes.length; index++) {
    if (bytes[index] !== byteAt(number, index)) return false;
  }
  return true;
}
