import type { Transport } from '@pageferry/core';
import { sharedMmap } from '@pageferry/shared-mmap';
import { socketTransport } from '@pageferry/socket';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';
import { type ForkedProcess, type ForkedThread, fork, forkThread } from '@pageferry/workers';

/** Pairs of sockets (the first two), and a folder to meet in. */
export const transports: readonly Transport[] = [sharedMmap, vmspliceNapi, socketTransport];

/** A program among those of these tests. */
export function program(name: string): URL {
  return new URL(`programs/${name}.mjs`, import.meta.url);
}

/** Both kinds of children. */
export const kinds = [
  ['a process', fork],
  ['a thread', forkThread],
] as const;

/** Either. */
export type Forked = ForkedProcess | ForkedThread;

/** Resolves once it has ended. */
export function ended(child: Forked): Promise<unknown> {
  if ('exitCode' in child && (child.exitCode !== null || child.signalCode !== null)) {
    return Promise.resolve();
  }
  // A thread that has ended has no number any more.
  if ('threadId' in child && child.threadId === -1) return Promise.resolve();
  return new Promise((resolve) => (child as ForkedProcess).once('exit', resolve));
}
