import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { O_CLOEXEC } from '@pageferry/linux';

/** The open descriptors of this process and what each refers to, for example `pipe:[123]`. */
export function openDescriptors(): Map<number, string> {
  const open = new Map<number, string>();
  for (const entry of readdirSync('/proc/self/fd')) {
    try {
      open.set(Number(entry), readlinkSync(`/proc/self/fd/${entry}`));
    } catch {
      // The descriptor of the listing itself is gone by now.
    }
  }
  return open;
}

/** Whether a descriptor is closed when the process executes another program. */
export function isCloseOnExec(fd: number): boolean {
  const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'));
  return (Number.parseInt(flags?.[1] ?? '', 8) & O_CLOEXEC) !== 0;
}

/** One line of `/proc/self/maps`. */
export interface MappedRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** The mappings of this process whose name contains `name`. */
export function mappedRanges(name: string): MappedRange[] {
  const lines = readFileSync('/proc/self/maps', 'latin1').split('\n');
  return lines
    .filter((line) => line.includes(name))
    .map((line) => {
      const [start, end] = (line.split(' ', 1)[0] ?? '').split('-');
      return { start: BigInt(`0x${start}`), end: BigInt(`0x${end}`) };
    });
}
