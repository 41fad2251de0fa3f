const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
const COUNT_UNITS = ['', 'k', 'M', 'G', 'T'];

/** A number of bytes in at most 8 columns: `17 B`, `1.5 MiB`. */
export function bytesInWords(bytes: number): string {
  return shortened(bytes, 1024, BYTE_UNITS, ' ');
}

/** A count in at most 6 columns: `17`, `1.5k`, `200M`. */
export function countInWords(count: number): string {
  return shortened(count, 1000, COUNT_UNITS, '');
}

/** A rate: `-` where it is not known, and with one digit behind the point where it is small. */
export function rateInWords(rate: number | undefined): string {
  if (rate === undefined) return '-';
  return rate > 0 && rate < 10 ? rate.toFixed(1) : countInWords(Math.round(rate));
}

function shortened(value: number, base: number, units: readonly string[], gap: string): string {
  let rest = value;
  let unit = 0;
  // What would be rounded up to the next unit has that unit.
  while (rest >= base - 0.5 && unit < units.length - 1) {
    rest /= base;
    unit++;
  }
  const digits = unit === 0 || rest >= 99.95 ? rest.toFixed(0) : rest.toFixed(1);
  return `${digits}${gap}${units[unit]}`;
}

/** Text of another process without what a terminal would obey. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202f\u2066-\u2069]/g, '?');
}

/** At most `width` columns; what is cut off in the end shows as `…`. */
export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

const BARS = '▁▂▃▄▅▆▇█';

/** A line of bars as high as the values are, the highest of them as high as can be. */
export function sparkline(values: readonly number[]): string {
  const highest = Math.max(...values, 0);
  if (highest === 0) return BARS.charAt(0).repeat(values.length);
  return values
    .map((value) => BARS.charAt(Math.min(7, Math.floor((value / highest) * 7.999))))
    .join('');
}
