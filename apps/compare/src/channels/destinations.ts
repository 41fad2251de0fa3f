import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, createReadStream, constants as fs, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openDrainedSocket } from '@pageferry/measuring/drained-socket';
import type { ScenarioName } from '../plan/scenarios.js';
import type { Task } from '../trials/task.js';

/** Where the receiver moves messages on to. */
export interface Destination {
  /** The descriptor of the moment. Ask again for each message. */
  readonly fd: number;
  /** So many bytes went to `fd` without {@link write}. */
  moved(byteLength: number): void;
  /** Writes bytes as plain Node would. False: wait for {@link drained} before the next ones. */
  write(bytes: Uint8Array): boolean;
  drained(): Promise<unknown>;
  /** Closes it. Resolves to the SHA-256 of what has arrived, where anybody looked. */
  close(): Promise<string | undefined>;
}

/**
 * A file is written over and over within this length: otherwise the disk would fill up, and what counts
 * would be how the kernel finds memory for a file that grows.
 */
const FILE_BYTES = 32 * 1024 * 1024;

/** Opens what a scenario moves messages on to; `undefined` if it does not. */
export async function openDestination(task: Task): Promise<Destination | undefined> {
  const { O_CREAT: CREAT, O_RDWR: RDWR, O_DIRECT: DIRECT } = fs;
  const open: Partial<Record<ScenarioName, () => Destination | Promise<Destination>>> = {
    discard: () => openFile('/dev/null', fs.O_WRONLY, false),
    'to-file': () => openFile(join(task.folder, 'file'), CREAT | RDWR, task.verify),
    'to-o-direct': () => openFile(join(task.folder, 'file'), CREAT | RDWR | DIRECT, task.verify),
    'to-tcp': () => openConnection(undefined, task.verify),
    'to-unix': () => openConnection(join(task.folder, 'drain'), task.verify),
  };
  return open[task.scenario]?.();
}

function openFile(path: string, flags: number, verify: boolean): Destination {
  let fd = openSync(path, flags, 0o600);
  let length = 0;
  const moved = (byteLength: number) => {
    length += byteLength;
    if (verify || length < FILE_BYTES) return; // What is looked at has to stay whole.
    // Opened anew, the position is the beginning: plain Node has no lseek.
    closeSync(fd);
    fd = openSync(path, flags);
    length = 0;
  };
  return {
    get fd() {
      return fd;
    },
    moved,
    write(bytes) {
      for (let written = 0; written < bytes.length; ) {
        written += writeSync(fd, bytes, written, bytes.length - written);
      }
      moved(bytes.length);
      return true;
    },
    async drained() {},
    async close() {
      closeSync(fd);
      if (!verify || path === '/dev/null') return undefined;
      const hash = createHash('sha256');
      await pipeline(createReadStream(path), hash);
      return hash.digest('hex');
    },
  };
}

async function openConnection(path: string | undefined, verify: boolean): Promise<Destination> {
  const { socket, fd, digest } = await openDrainedSocket(path, verify);
  return {
    fd,
    moved() {},
    write: (bytes) => socket.write(bytes),
    drained: () => once(socket, 'drain'),
    async close() {
      socket.resume(); // Otherwise it would not see the other side's end.
      socket.end();
      return digest;
    },
  };
}
