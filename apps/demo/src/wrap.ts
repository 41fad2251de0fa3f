/** A text in lines of at most `width` columns, each after `lead`, which takes the place of its own indent. */
export function wrap(text: string, width: number, lead = /^ */.exec(text)?.[0] ?? ''): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.trim().split(/ +/)) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (lead.length + longer.length <= width || line === '') line = longer;
    else {
      lines.push(lead + line);
      line = word;
    }
  }
  return [...lines, lead + line].join('\n');
}
