import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { encodeHello, HELLO_BYTES, HELLO_KIND } from '@pageferry/core';
import { FRAME_BYTES, writeFrame } from '../../dist/protocol/frame.js';
import { NAME } from '../../dist/protocol/name.js';
import type { Place } from './place.js';

/** The bytes of a frame. */
export function frame(
  kind: number,
  value: number,
  sequence: number,
  tag = 0,
  exchange = 0,
): Buffer {
  const bytes = Buffer.alloc(FRAME_BYTES);
  writeFrame(bytes, 0, kind, value, sequence, tag, exchange);
  return bytes;
}

/** Reads exactly `byteLength` bytes, or fewer at the end. */
export async function readExactly(socket: Socket, byteLength: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let missing = byteLength; missing > 0; ) {
    const most = Math.min(missing, socket.readableLength);
    const piece: Buffer | null = most === 0 ? null : socket.read(most);
    if (piece !== null) {
      pieces.push(piece);
      missing -= piece.length;
    } else if (socket.readableEnded || socket.destroyed) {
      break;
    } else {
      socket.read(0);
      await eventOf(socket, 'readable', 'close');
    }
  }
  return Buffer.concat(pieces);
}

/** Waits for the first of some events, errors aside. */
function eventOf(socket: Socket, ...names: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const onEvent = (): void => {
      for (const name of names) socket.removeListener(name, onEvent);
      resolve();
    };
    for (const name of names) socket.once(name, onEvent);
  });
}

/** A server at `endpoint` that does what a test says with each connection. */
export async function listenRaw(
  place: Place,
  endpoint: string,
  onConnection: (socket: Socket) => unknown,
): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  place.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  server.listen(endpoint);
  await once(server, 'listening');
}

/** A sender, or another mechanism, that welcomes whoever comes, and then does what a test says. */
export function rawSender(
  place: Place,
  endpoint: string,
  afterwards: (socket: Socket) => unknown,
  mechanism = NAME,
): Promise<void> {
  return listenRaw(place, endpoint, async (socket) => {
    await readExactly(socket, HELLO_BYTES);
    socket.write(encodeHello(HELLO_KIND.welcome, mechanism));
    await afterwards(socket);
  });
}

/** A connection to `endpoint` on which nothing was said. */
export async function connectRaw(place: Place, endpoint: string): Promise<Socket> {
  const socket = connect(endpoint);
  socket.on('error', () => {});
  place.defer(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** A receiver, or another mechanism, that was welcomed. */
export async function rawReceiver(
  place: Place,
  endpoint: string,
  mechanism = NAME,
): Promise<Socket> {
  const socket = await connectRaw(place, endpoint);
  socket.write(encodeHello(HELLO_KIND.hello, mechanism));
  await readExactly(socket, HELLO_BYTES);
  return socket;
}

/** Waits until the other side has hung up. */
export async function hungUp(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await eventOf(socket, 'close');
}
