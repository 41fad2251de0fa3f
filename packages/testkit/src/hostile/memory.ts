import type { LinuxCalls } from '@pageferry/linux';
import { CAPACITY, CONTROL_MAGIC, PART_WORDS, RING_MAGIC, VERSION, WORD } from './layout.js';

const ALLOW_SEALING = 2;
const SHARED = 1;
const READ = 1;
const WRITE = 2;

/** Seals of a memory file, fcntl(2). */
export const SEALS = { seal: 1, shrink: 2, grow: 4, write: 8, futureWrite: 16 } as const;

/** The seals without which a receiver must refuse memory. */
export const SIZE_SEALS: number = SEALS.seal | SEALS.shrink | SEALS.grow;

/** A memory file and the words of a mapping of it. */
export interface MappedMemory {
  readonly fd: number;
  readonly words: Int32Array<ArrayBuffer>;
}

/** A memory file of so many bytes, with these seals. */
export function memoryFile(calls: LinuxCalls, byteLength: number, seals: number): number {
  const fd = calls.memfdCreate('hostile', ALLOW_SEALING);
  if (fd < 0) throw new Error(`memfd_create: ${fd}`);
  calls.ftruncate(fd, byteLength);
  if (seals !== 0) calls.addSeals(fd, seals);
  return fd;
}

/** Maps all of `fd`, to be written if it may be; `undefined` for what cannot be mapped. */
export function mapWords(
  calls: LinuxCalls,
  fd: number,
  byteLength: number,
  isWritten: boolean,
): Int32Array<ArrayBuffer> | undefined {
  const protection = isWritten ? READ | WRITE : READ;
  const buffer = calls.mmap(byteLength, protection, SHARED, fd, 0);
  return typeof buffer === 'number' ? undefined : new Int32Array(buffer);
}

/** Memory that is mapped before it is sealed, as the seal against later writing wants it. */
function mappedMemory(calls: LinuxCalls, byteLength: number, seals: number): MappedMemory {
  const fd = memoryFile(calls, byteLength, 0);
  const words = mapWords(calls, fd, byteLength, true);
  if (words === undefined) throw new Error('a memory file cannot be mapped');
  if (seals !== 0) calls.addSeals(fd, seals);
  return { fd, words };
}

/** Control memory of so many parts, as an honest sender or listener makes it. */
export function controlMemory(calls: LinuxCalls, parts: number, seals = SIZE_SEALS): MappedMemory {
  const memory = mappedMemory(calls, parts * PART_WORDS * 4, seals);
  for (let part = 0; part < parts; part++) {
    const words = memory.words.subarray(part * PART_WORDS);
    words[WORD.magic] = CONTROL_MAGIC;
    words[WORD.version] = VERSION;
    words[WORD.capacity] = CAPACITY;
    words[WORD.pageSize] = calls.pageSize();
    words[WORD.parkedReceiver] = 128;
  }
  return memory;
}

/** A ring, as an honest sender makes it. */
export function ringMemory(calls: LinuxCalls): MappedMemory {
  const seals = SIZE_SEALS | SEALS.futureWrite;
  const memory = mappedMemory(calls, (1024 + CAPACITY * 8) * 4, seals);
  memory.words.set([RING_MAGIC, VERSION, CAPACITY]);
  return memory;
}

/** Memory for payload, as an honest sender makes it, or with other seals. */
export function payloadMemory(
  calls: LinuxCalls,
  byteLength: number,
  seals: number = SIZE_SEALS | SEALS.futureWrite,
): number {
  return memoryFile(calls, byteLength, seals);
}
