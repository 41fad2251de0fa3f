import { closeSync, openSync, unlinkSync } from 'node:fs';
import { checkResult, Mapping, O_DIRECT, SEEK_SET } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { openDrainedSocket } from '@pageferry/measuring/drained-socket';
import { temporaryPath } from '../children.js';
import type { RouteWorkload } from '../destinations.js';
import { PIPE_FD, peerWorkload, reportTime } from './workload-peer.js';

// Takes bytes out of a pipe and brings them to a destination, by splice or by read and write: which
// of the two the receiver should take is decided by what this measures.
const PIECE = 256 * 1024;
/** A file is written over and over within this length, so that the disk does not fill up. */
const FILE_BYTES = 256 * 1024 * 1024;

const { destination, route, totalBytes } = peerWorkload<RouteWorkload>();
const calls = loadLinuxCalls();
const isFile = destination.includes('file');
const { fd, close } = isFile ? openFile() : await openSocket();
using buffer = Mapping.anonymous(calls, PIECE);
const memory = new Uint8Array(buffer.buffer);
const before = process.cpuUsage();
reportTime();
for (let moved = 0; moved < totalBytes; ) {
  moved += route === 'splice' ? spliceOnce() : copyOnce();
  if (isFile && moved % FILE_BYTES === 0) calls.lseek(fd, 0, SEEK_SET);
}
reportTime();
const { user, system } = process.cpuUsage(before);
process.send?.({ cpuMicroseconds: user + system });
close();
process.disconnect?.();

function spliceOnce(): number {
  return checkResult(calls.splice(PIPE_FD, fd, PIECE, 0), 'splice');
}

function copyOnce(): number {
  let length = 0;
  // Whole pieces, as direct I/O wants them.
  while (length < PIECE) {
    length += checkResult(calls.read(PIPE_FD, memory, length, PIECE - length), 'read');
  }
  for (let written = 0; written < length; ) {
    written += checkResult(calls.write(fd, memory, written, length - written), 'write');
  }
  return length;
}

function openFile(): { fd: number; close: () => void } {
  const path = temporaryPath();
  const file = openSync(path, 'w');
  unlinkSync(path);
  if (destination.includes('O_DIRECT')) {
    checkResult(calls.setStatusFlags(file, O_DIRECT), 'fcntl', 'O_DIRECT');
  }
  return { fd: file, close: () => closeSync(file) };
}

async function openSocket(): Promise<{ fd: number; close: () => void }> {
  const path = destination === 'tcp' ? undefined : temporaryPath();
  const { socket, fd } = await openDrainedSocket(path, false);
  checkResult(calls.setStatusFlags(fd, 0), 'fcntl', 'O_NONBLOCK');
  return { fd, close: () => socket.destroy() };
}
