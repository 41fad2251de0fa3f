import { readdirSync } from 'node:fs';
import { type MemoryRoom, readMemoryRoom } from '@pageferry/linux';
import { readText } from './proc.js';

/** A resource limit (getrlimit(2)). `Infinity` is written as `null` in JSON. */
export interface Limit {
  readonly soft: number;
  readonly hard: number;
}

/** How much this process may have. */
export interface Limits {
  /** `RLIMIT_NOFILE`: descriptors. */
  readonly descriptors: Limit | undefined;
  /** Descriptors that this process has open. */
  readonly openDescriptors: number | undefined;
  /** `RLIMIT_MEMLOCK`: bytes of locked memory. */
  readonly lockedMemory: Limit | undefined;
  /**
   * What the control groups of this process let it have. `undefined` where they do not limit it. Beyond
   * the limit a process is killed; no call fails.
   */
  readonly memory: MemoryRoom | undefined;
}

/** Reads `/proc/self/limits`. */
export function examineLimits(): Limits {
  const text = readText('/proc/self/limits') ?? '';
  return {
    descriptors: limit(text, 'Max open files'),
    openDescriptors: countDescriptors(),
    lockedMemory: limit(text, 'Max locked memory'),
    memory: readMemoryRoom(),
  };
}

function limit(text: string, name: string): Limit | undefined {
  const [, soft, hard] = new RegExp(`^${name} +(\\S+) +(\\S+)`, 'm').exec(text) ?? [];
  return soft === undefined || hard === undefined
    ? undefined
    : { soft: amount(soft), hard: amount(hard) };
}

function amount(word: string): number {
  return word === 'unlimited' ? Number.POSITIVE_INFINITY : Number(word);
}

function countDescriptors(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length - 1; // One was for reading the folder.
  } catch {
    return undefined;
  }
}
