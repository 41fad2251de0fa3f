const NEW_LINE = 0x0a;
const RETURN = 0x0d;

/** The lines of a stream, byte by byte as they are, without their ends (LF, or CR and LF). */
export async function* linesOf(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  for await (const chunk of input) {
    let start = 0;
    for (let end = chunk.indexOf(NEW_LINE); end >= 0; end = chunk.indexOf(NEW_LINE, start)) {
      parts.push(chunk.subarray(start, end));
      yield lineOf(parts);
      parts = [];
      start = end + 1;
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  }
  if (parts.length > 0) yield lineOf(parts);
}

function lineOf(parts: readonly Buffer[]): Buffer {
  const line = Buffer.concat(parts);
  return line.at(-1) === RETURN ? line.subarray(0, -1) : line;
}
