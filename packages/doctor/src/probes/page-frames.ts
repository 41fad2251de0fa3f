import { closeSync, openSync, readSync } from 'node:fs';
import type { LinuxCalls } from '@pageferry/linux';

/** What `/proc/self/pagemap` tells of one page (Documentation/admin-guide/mm/pagemap.rst). */
export interface PageEntry {
  /** True if the page is in this process's page tables. */
  readonly present: boolean;
  /** Number of the physical page; `undefined` for whoever lacks CAP_SYS_ADMIN. */
  readonly frame: number | undefined;
}

const ENTRY_BYTES = 8;
const PRESENT = 1n << 63n;
const FRAME = (1n << 55n) - 1n;

/** The entries for every page of a mapping; `undefined` where they cannot be read. */
export function pageEntries(calls: LinuxCalls, buffer: ArrayBuffer): PageEntry[] | undefined {
  const pages = buffer.byteLength / calls.pageSize();
  const entries = Buffer.alloc(pages * ENTRY_BYTES);
  const first = Number(calls.addressOf(buffer) / BigInt(calls.pageSize()));
  try {
    const file = openSync('/proc/self/pagemap', 'r');
    try {
      const read = readSync(file, entries, 0, entries.length, first * ENTRY_BYTES);
      if (read < entries.length) return undefined;
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
  return Array.from({ length: pages }, (_, page) => {
    const entry = entries.readBigUInt64LE(page * ENTRY_BYTES);
    const present = (entry & PRESENT) !== 0n;
    const frame = present ? Number(entry & FRAME) : 0;
    return { present, frame: frame === 0 ? undefined : frame };
  });
}

/** The physical page behind the beginning of a mapping, where it can be known. */
export function firstFrame(calls: LinuxCalls, buffer: ArrayBuffer): number | undefined {
  return pageEntries(calls, buffer)?.[0]?.frame;
}
