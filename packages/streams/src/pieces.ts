import { checkBytes, memoryOf, sourceDetached } from '@pageferry/core';

/**
 * How many bytes a piece of a stream has.
 *
 * @throws `BYTES_DETACHED` if they are not there any more.
 */
export function lengthOf(piece: Uint8Array): number {
  const { length } = piece;
  if (length === 0 && memoryOf(piece) === undefined) throw sourceDetached('chunk');
  return length;
}

/**
 * Cuts and gathers bytes into batches of at most `most` bytes, in order: each becomes one message. Nothing is copied
 * here.
 *
 * @throws `BYTES_DETACHED` where a piece is not as long any more as it was when the first batch was asked for.
 */
export function* gathered(
  pieces: readonly Uint8Array[],
  most: number,
): Generator<readonly Uint8Array[], undefined, undefined> {
  // Views of its own: those of another class make parts as they like.
  const own = checkBytes('chunk', pieces);
  const lengths = own.map(({ length }) => length);
  let batch: Uint8Array[] = [];
  let room = most;
  for (const [number, piece] of own.entries()) {
    const length = lengths[number] as number;
    for (let from = 0; from < length; ) {
      // While a batch waits for room, the program may do something else with the rest.
      if (piece.length !== length) throw sourceDetached('chunk');
      const part = piece.subarray(from, from + room);
      batch.push(part);
      from += part.length;
      room -= part.length;
      if (room === 0) {
        yield batch;
        batch = [];
        room = most;
      }
    }
  }
  if (batch.length > 0) yield batch;
}
