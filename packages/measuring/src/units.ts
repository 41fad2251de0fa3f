/** GiB in a second. */
export function gibPerSecond(bytes: number, nanoseconds: number): number {
  return bytes / 2 ** 30 / (nanoseconds / 1e9);
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB'];

/** A number of bytes as people say it: `64 B`, `1 MiB`, `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toFixed(value < 10 ? 1 : 0))} ${BYTE_UNITS[unit]}`;
}

/** Three significant digits without an exponent: `0.00123`, `1.23`, `1,230`. */
export function formatNumber(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  if (digits === 0) return Math.round(Number(value.toPrecision(3))).toLocaleString('en-US');
  return value.toFixed(Math.min(digits, 6));
}

/** Nanoseconds in the unit that fits: `112 ns`, `2.30 µs`, `3.10 ms`. */
export function formatNanoseconds(nanoseconds: number): string {
  if (nanoseconds < 1e3) return `${formatNumber(nanoseconds)} ns`;
  if (nanoseconds < 1e6) return `${formatNumber(nanoseconds / 1e3)} µs`;
  return `${formatNumber(nanoseconds / 1e6)} ms`;
}

/** `1.8 times`, `12 times`, `340 times`. */
export function formatTimes(ratio: number): string {
  return `${ratio < 10 ? ratio.toFixed(1) : Math.round(ratio).toLocaleString('en-US')} times`;
}

/** `75 %`, `less than 1 %`. */
export function formatShare(ratio: number): string {
  return ratio < 0.01 ? 'less than 1 %' : `${Math.round(ratio * 100)} %`;
}
