/** Bytes in a GiB. */
export const GIBIBYTE = 1024 ** 3;

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** A number of bytes for people, in eight characters: `98.5 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(unit === 0 || value >= 100 ? 0 : 1)} ${UNITS[unit]}`;
}

/** A short time for people: `6.2 µs`, `213 µs`. */
export function formatMicroseconds(seconds: number): string {
  return `${microseconds(seconds)} µs`;
}

/** The same without the unit, in six characters where it is less than a second. */
export function microseconds(seconds: number): string {
  const value = seconds * 1e6;
  return value.toFixed(value < 100 ? 1 : 0);
}

/** A quotient, and 0 for an empty file, about which nothing can be said. */
export function ratio(dividend: number, divisor: number): number {
  return divisor === 0 ? 0 : dividend / divisor;
}
