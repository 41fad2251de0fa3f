import { statfsSync } from 'node:fs';
import {
  createMemoryFile,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  type LinuxCalls,
  type OwnedFd,
} from '@pageferry/linux';
import { readText } from './proc.js';

/** What memory may be like here. */
export interface Memory {
  /** When anonymous memory gets huge pages: `always`, `madvise` or `never`. */
  readonly hugePages: string | undefined;
  /** The same for memfds: `always`, `within_size`, `advise`, `never`, `deny` or `force`. */
  readonly sharedHugePages: string | undefined;
  /** Seals that a memfd takes here (fcntl(2)). */
  readonly memfdSeals: readonly string[];
  /** Size of `/dev/shm`, which named shared memory is limited to. A memfd is not. */
  readonly devShmBytes: number | undefined;
}

/** Tries the seals, and reads the rest. */
export function examineMemory(calls: LinuxCalls | undefined): Memory {
  const huge = '/sys/kernel/mm/transparent_hugepage';
  return {
    hugePages: chosen(readText(`${huge}/enabled`)),
    sharedHugePages: chosen(readText(`${huge}/shmem_enabled`)),
    memfdSeals: calls === undefined ? [] : trySeals(calls),
    devShmBytes: sizeOf('/dev/shm'),
  };
}

/** `always [madvise] never` means `madvise`. */
function chosen(text: string | undefined): string | undefined {
  return /\[(\w+)\]/.exec(text ?? '')?.[1];
}

/** In an order in which none keeps the next from being set. */
const SEALS = { F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_FUTURE_WRITE, F_SEAL_WRITE, F_SEAL_SEAL };

function trySeals(calls: LinuxCalls): string[] {
  let memfd: OwnedFd;
  try {
    memfd = createMemoryFile(calls, 'pageferry-doctor');
  } catch {
    return []; // There is none to be had: the probes say so better.
  }
  const taken = Object.entries(SEALS).flatMap(([name, seal]) =>
    calls.addSeals(memfd.fd, seal) < 0 ? [] : [name],
  );
  memfd.close();
  return taken;
}

function sizeOf(folder: string): number | undefined {
  try {
    const { blocks, bsize } = statfsSync(folder);
    return blocks * bsize;
  } catch {
    return undefined;
  }
}
