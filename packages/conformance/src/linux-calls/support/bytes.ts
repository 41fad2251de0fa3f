import type { LinuxCalls } from '@pageferry/linux';

/** `length` bytes that start with `first` and differ from their neighbours. */
export function pattern(length: number, first = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (first + index * 7) % 251);
}

/** What one read of at most `length` bytes yields, or `-errno`. */
export function readBytes(calls: LinuxCalls, fd: number, length: number): Uint8Array | number {
  const bytes = new Uint8Array(length);
  const count = calls.read(fd, bytes, 0, length);
  return count < 0 ? count : bytes.subarray(0, count);
}

/** Writes a text in one call. Returns the call's result. */
export function writeText(calls: LinuxCalls, fd: number, text: string): number {
  const bytes = Buffer.from(text);
  return calls.write(fd, bytes, 0, bytes.length);
}

/** Writes to a non-blocking descriptor until it takes no more. Returns how many bytes it took. */
export function fill(calls: LinuxCalls, fd: number): number {
  const bytes = new Uint8Array(4096);
  let total = 0;
  for (;;) {
    const count = calls.write(fd, bytes, 0, bytes.length);
    if (count <= 0) return total;
    total += count;
  }
}

/** (offset, length) pairs that do not lie within 16 bytes. */
export const OUT_OF_BOUNDS_OF_16 = [
  { offset: 0, length: 17 },
  { offset: 17, length: 0 },
  { offset: 16, length: 1 },
  { offset: 8, length: 9 },
  { offset: -1, length: 4 },
  { offset: 0, length: -1 },
  { offset: 8, length: Number.MAX_SAFE_INTEGER },
  { offset: Number.MAX_SAFE_INTEGER, length: Number.MAX_SAFE_INTEGER },
] as const;
