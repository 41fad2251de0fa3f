/** A text in lines of at most `width` columns, the first after `lead`, the others below its beginning. */
export function indented(lead: string, text: string, width: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (lead.length + longer.length <= width) line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  lines.push(line);
  return lines
    .map((each, index) => (index === 0 ? lead : ' '.repeat(lead.length)) + each)
    .join('\n');
}
