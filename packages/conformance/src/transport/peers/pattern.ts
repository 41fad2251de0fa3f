/**
 * The bytes of test messages: every 32-bit word depends on the number of the message and on its own
 * place in it, so that a swapped, shifted, repeated or stale page shows. Cheap enough for gigabytes.
 */

const OFFSET_FACTOR = 0x9e3779b1;
const SEQUENCE_FACTOR = 0x85ebca6b;
/** Unaligned views are handled through aligned memory of this size. */
const SCRATCH_WORDS = 64 * 1024;

/** Fills `target` with bytes `offset`, `offset + 1`, … of message `sequence`. */
export function fillPattern(target: Uint8Array, sequence: number, offset = 0): void {
  forEachPiece(target, offset, (piece, words, firstWord, skipped) => {
    const seed = seedOf(sequence);
    for (let index = 0; index < words.length; index++) {
      words[index] = Math.imul(firstWord + index + 1, OFFSET_FACTOR) ^ seed;
    }
    const bytes = bytesOf(words);
    if (bytes.buffer !== piece.buffer) piece.set(bytes.subarray(skipped, skipped + piece.length));
    return true;
  });
}

/**
 * Where `bytes` first differ from bytes `offset`, `offset + 1`, … of message `sequence`: an index
 * into `bytes`, or -1 if they are right.
 */
export function findMismatch(bytes: Uint8Array, sequence: number, offset = 0): number {
  let mismatch = -1;
  forEachPiece(bytes, offset, (piece, words, firstWord, skipped) => {
    const seed = seedOf(sequence);
    if (words.buffer !== piece.buffer) bytesOf(words).set(piece, skipped);
    const position = piece.byteOffset - bytes.byteOffset;
    for (let index = 0; index < words.length; index++) {
      const expected = Math.imul(firstWord + index + 1, OFFSET_FACTOR) ^ seed;
      if (words[index] === expected) continue;
      for (let byte = 0; byte < 4; byte++) {
        const at = index * 4 + byte - skipped;
        if (at < 0 || at >= piece.length) continue;
        if (piece[at] !== ((expected >>> (byte * 8)) & 0xff)) {
          mismatch = position + at;
          return false;
        }
      }
    }
    return true;
  });
  return mismatch;
}

/** A message of its own: `byteLength` bytes of message `sequence`, from `offset`. */
export function patterned(byteLength: number, sequence: number, offset = 0): Buffer {
  const bytes = Buffer.alloc(byteLength);
  fillPattern(bytes, sequence, offset);
  return bytes;
}

/**
 * Calls `visit` for consecutive pieces of `bytes`: the piece, words that cover it (in place where the
 * piece is aligned, scratch memory otherwise), the number of the first word within the message, and
 * how many bytes of the words lie before the piece. Stops when `visit` returns false.
 */
function forEachPiece(
  bytes: Uint8Array,
  offset: number,
  visit: (piece: Uint8Array, words: Int32Array, firstWord: number, skipped: number) => boolean,
): void {
  let done = 0;
  if (bytes.byteOffset % 4 === 0 && offset % 4 === 0) {
    const length = bytes.length - (bytes.length % 4);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, length / 4);
    if (!visit(bytes.subarray(0, length), words, offset / 4, 0)) return;
    done = length;
  }
  const scratch = new Int32Array(Math.min(SCRATCH_WORDS, (bytes.length - done + 7) >> 2));
  while (done < bytes.length) {
    const skipped = (offset + done) % 4;
    const length = Math.min(bytes.length - done, scratch.length * 4 - skipped);
    const words = scratch.subarray(0, (skipped + length + 3) >> 2);
    const firstWord = (offset + done - skipped) / 4;
    if (!visit(bytes.subarray(done, done + length), words, firstWord, skipped)) return;
    done += length;
  }
}

function seedOf(sequence: number): number {
  return Math.imul(sequence + 1, SEQUENCE_FACTOR);
}

function bytesOf(words: Int32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}
