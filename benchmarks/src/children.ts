import { type ChildProcess, fork } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createPipe, growPipe } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';

const PIPE_BYTES = 1024 * 1024;

let places = 0;

/** A path that nobody has used, for a socket or a file. */
export function temporaryPath(): string {
  return join(tmpdir(), `pageferry-bench-${process.pid}-${places++}`);
}

/** The file of a program of `peers/`. */
export function peerPath(name: string): string {
  return fileURLToPath(new URL(`./peers/${name}.js`, import.meta.url));
}

/** Starts a program of `peers/` with its workload. `fd` becomes its descriptor 4; `flags` are for Node. */
export function startPeer(
  name: string,
  workload: object,
  fd?: number,
  flags: readonly string[] = [],
): ChildProcess {
  const descriptors = fd === undefined ? [] : [fd];
  return fork(peerPath(name), [JSON.stringify(workload)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc', ...descriptors],
    execArgv: [...process.execArgv, ...flags],
  });
}

/** The name of a program of `peers/`, and its workload. */
type Peer = readonly [name: string, workload: object];

/** Starts a sender and a receiver at the ends of a pipe that blocks, as in C. */
export function startAtPipe(sender: Peer, receiver: Peer): [ChildProcess, ChildProcess] {
  const calls = loadLinuxCalls();
  const { readEnd, writeEnd } = createPipe(calls);
  growPipe(calls, writeEnd.fd, PIPE_BYTES);
  for (const end of [readEnd, writeEnd]) calls.setStatusFlags(end.fd, 0);
  const sending = startPeer(...sender, writeEnd.fd);
  const receiving = startPeer(...receiver, readEnd.fd);
  readEnd.close();
  writeEnd.close();
  return [sending, receiving];
}
