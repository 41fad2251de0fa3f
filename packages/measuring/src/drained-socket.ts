import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { nextMessage } from './children.js';

/** A socket whose other end is read by a process of its own, which forgets what comes. */
export interface DrainedSocket {
  /** Paused: it leaves its descriptor alone. */
  readonly socket: Socket;
  /** The descriptor, which stays the socket's: do not close it. */
  readonly fd: number;
  /** SHA-256 of everything that came, once the socket has ended; `undefined` if not asked for. */
  readonly digest: Promise<string | undefined>;
}

/**
 * Connects a Unix socket, or a TCP socket on loopback.
 *
 * @param path where a Unix socket is made; `undefined` for TCP.
 * @param verify whether the other process digests what comes.
 */
export async function openDrainedSocket(
  path: string | undefined,
  verify: boolean,
): Promise<DrainedSocket> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(path === undefined ? { port: 0, host: '127.0.0.1' } : { path });
  await once(server, 'listening');
  const address = server.address();
  const target = typeof address === 'string' ? address : address?.port;
  const drain = fork(new URL('./drain.js', import.meta.url), [`${target}`, verify ? 'verify' : '']);
  const digest = nextMessage(drain, 'the drain').then((text) => String(text) || undefined);
  digest.catch(() => {}); // Whoever awaits it gets to know.
  const [socket] = (await once(server, 'connection')) as [Socket];
  server.close();
  // Undocumented, and there since Node 0.x.
  const { _handle } = socket as unknown as { readonly _handle: { readonly fd: number } };
  return { socket, fd: _handle.fd, digest };
}
