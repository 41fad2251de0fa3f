import { once } from 'node:events';
import type { Stats } from 'node:fs';
import { open, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { dirname, resolve } from 'node:path';
import type { SpliceDestination } from '@pageferry/core';
import { DemoError } from './errors.js';

/** Where the bytes go. Disposing of it before `finish` leaves nothing behind. */
export interface Destination extends AsyncDisposable {
  /** What `receiver.spliceTo` takes. */
  readonly descriptor: SpliceDestination;
  /** Everything has arrived: makes it last. */
  finish(): Promise<void>;
}

/** Opens a file, `-` for standard output, or a connection to `tcp://host:port`. */
export async function openDestination(out: string, signal: AbortSignal): Promise<Destination> {
  if (out === '-') return standardOutput();
  const address = parseTcpAddress(out);
  if (address !== undefined) return openConnection(address, signal);
  const existing = await stat(out).catch(() => undefined);
  if (existing?.isDirectory()) throw new DemoError('EISDIR', `${out} is a directory`);
  if (existing !== undefined && !existing.isFile()) return openDevice(out);
  return openFile(out, existing);
}

/** The file that a symbolic link stands for, be it there or not: the link stays. */
async function targetOf(path: string): Promise<string> {
  for (let target = path, links = 0; links < MOST_LINKS; links++) {
    const next = await readlink(target).catch(() => undefined);
    if (next === undefined) return target;
    target = resolve(await realpath(dirname(target)), next);
  }
  throw new DemoError('ELOOP', `${path} is a symbolic link that leads in a circle`);
}

/** As many as the kernel follows (path_resolution(7)). */
const MOST_LINKS = 40;

/**
 * Host and port of `tcp://host:port`; `undefined` for anything that does not start with `tcp:`.
 *
 * @throws a `DemoError` for an address without a host or port.
 */
export function parseTcpAddress(out: string): { host: string; port: number } | undefined {
  if (!out.startsWith('tcp:')) return undefined;
  const { hostname, port } = URL.canParse(out) ? new URL(out) : { hostname: '', port: '' };
  if (hostname === '' || port === '') {
    throw new DemoError('ERR_INVALID_URL', `'${out}' is not of the form tcp://host:port`);
  }
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) };
}

function standardOutput(): Destination {
  // The bare descriptor: `process.stdout` would put a stream and its buffers in between.
  return { descriptor: 1, async finish() {}, async [Symbol.asyncDispose]() {} };
}

/**
 * A file gets its name when it is whole, so that nobody takes a part for the whole. It replaces what is
 * there, and takes its mode and, as far as it may, its owner over.
 */
async function openFile(out: string, existing: Stats | undefined): Promise<Destination> {
  const path = await targetOf(out);
  const partial = `${path}.${process.pid}.part`;
  // Whoever may not read what is there must not read this meanwhile, and its group is the writer's at
  // first: it is for the writer alone until it is whole.
  const file = await open(partial, 'wx', existing === undefined ? 0o666 : 0o600);
  return {
    descriptor: file,
    async finish() {
      if (existing !== undefined) {
        await file.chown(existing.uid, existing.gid).catch(() => {}); // Only root gives files away.
        await file.chmod(existing.mode & 0o7777);
      }
      await file.close();
      await rename(partial, path);
    },
    async [Symbol.asyncDispose]() {
      await file.close();
      await rm(partial, { force: true });
    },
  };
}

/** `/dev/null`, a named pipe, a terminal: whatever is there and is no plain file. */
async function openDevice(path: string): Promise<Destination> {
  const file = await open(path, 'w');
  const close = () => file.close();
  return { descriptor: file, finish: close, [Symbol.asyncDispose]: close };
}

async function openConnection(
  address: { host: string; port: number },
  signal: AbortSignal,
): Promise<Destination> {
  const socket = connect(address);
  // Paused, the socket leaves its descriptor alone: an error shows in `spliceTo`, and the socket
  // does not close the descriptor while it is in use there.
  socket.pause();
  await once(socket, 'connect', { signal }).catch((error) => {
    socket.destroy();
    throw error;
  });
  return {
    descriptor: { fd: descriptorOf(socket) },
    async finish() {
      socket.resume();
      const closed = once(socket, 'close');
      socket.destroySoon();
      await closed;
    },
    async [Symbol.asyncDispose]() {
      socket.destroy();
    },
  };
}

/** `_handle.fd` is undocumented but stable. The descriptor stays the socket's: do not close it. */
function descriptorOf(socket: Socket): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd;
}
