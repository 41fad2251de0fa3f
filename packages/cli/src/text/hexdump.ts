/** Bytes in a row. 16 would leave no room for a margin in 80 columns. */
const ROW = 16;

/**
 * Bytes as hexadecimal numbers, and as the characters that they may be, in lines of 76 columns.
 *
 * @param bytes all of them are shown.
 */
export function hexdump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += ROW) {
    const row = bytes.subarray(at, at + ROW);
    const numbers = Array.from(row, (byte) => byte.toString(16).padStart(2, '0'));
    const halves = [numbers.slice(0, 8).join(' '), numbers.slice(8).join(' ')];
    const text = String.fromCharCode(
      ...Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? byte : 0x2e)),
    );
    const position = at.toString(16).padStart(6, '0');
    lines.push(`${position}  ${halves.join('  ').padEnd(48)}  |${text}|`);
  }
  return lines.join('\n');
}
