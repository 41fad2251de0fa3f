/**
 * Words in lines of at most `width` columns, all of them beginning at column `indent`.
 *
 * @param lead what stands before the first line; if it is too long, it has a line of its own.
 */
export function wrapped(lead: string, words: string, indent: number, width: number): string {
  const margin = ' '.repeat(indent);
  const isTooLong = lead.length > indent || (lead.length === indent && /[^ ]$/.test(lead));
  const lines: string[] = isTooLong ? [lead] : [];
  let line = lines.length === 0 ? lead.padEnd(indent) : margin;
  let isEmpty = true;
  for (const word of words.split(' ')) {
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = margin;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  lines.push(line);
  return lines.map((each) => each.trimEnd()).join('\n');
}
