/**
 * Cuts and gathers bytes into batches of at most `most` bytes, in order: each becomes one message. Nothing is copied
 * here.
 */
export function* gathered(
  pieces: Iterable<Uint8Array>,
  most: number,
): Generator<readonly Uint8Array[], undefined, undefined> {
  let batch: Uint8Array[] = [];
  let room = most;
  for (const piece of pieces) {
    for (let from = 0; from < piece.length; ) {
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
