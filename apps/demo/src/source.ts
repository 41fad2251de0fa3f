import { type BigIntStats, fstatSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import { DemoError } from './errors.js';

/** Where the bytes come from. */
export interface Source extends AsyncDisposable {
  /** How many bytes there are; `undefined` where only the end will tell. */
  readonly byteLength: number | undefined;
  /** Puts the next bytes at the beginning of `memory`. Returns how many; 0 is the end. */
  readInto(memory: Uint8Array): Promise<number>;
}

/** Opens a file, or standard input for `-`. */
export function openSource(path: string, signal: AbortSignal): Promise<Source> | Source {
  if (path !== '-') return openFile(path);
  const stats = checkStdin();
  // Node knows no stream for a disk: it would have nothing in it.
  return stats.isBlockDevice() ? openFile('/dev/stdin') : openStdin(signal);
}

const STDIN = 0;

/** What standard input is. Node finds nothing in a folder, and no fault with it. @throws `EISDIR`. */
export function checkStdin(): BigIntStats {
  const stats = fstatSync(STDIN, { bigint: true });
  if (stats.isDirectory()) throw new DemoError('EISDIR', 'standard input is a directory');
  return stats;
}

async function openFile(path: string): Promise<Source> {
  const file = await open(path);
  const stats = await file.stat();
  if (stats.isDirectory()) {
    await file.close();
    throw new DemoError('EISDIR', `${path} is a directory`);
  }
  return {
    byteLength: stats.isFile() ? stats.size : undefined,
    async readInto(memory) {
      // The kernel puts the bytes straight into the loan: there is no buffer in between.
      const { bytesRead } = await file.read(memory, 0, memory.length, null);
      return bytesRead;
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

function openStdin(signal: AbortSignal): Source {
  // A stream, because a read(2) that waits for a silent pipe could not be called off.
  const chunks = addAbortSignal(signal, process.stdin)[Symbol.asyncIterator]();
  let chunk: Uint8Array = new Uint8Array(0);
  return {
    byteLength: undefined,
    async readInto(memory) {
      while (chunk.length === 0) {
        const next = await chunks.next();
        if (next.done) return 0;
        chunk = next.value as Uint8Array;
      }
      const length = Math.min(chunk.length, memory.length);
      memory.set(chunk.subarray(0, length));
      chunk = chunk.subarray(length);
      return length;
    },
    async [Symbol.asyncDispose]() {
      process.stdin.destroy();
    },
  };
}
