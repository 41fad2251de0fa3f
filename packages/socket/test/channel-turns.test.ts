import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { BufferPool } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { ChannelConnection } from '../dist/channel/channel-connection.js';
import { PIECE_BYTES } from '../dist/protocol/channel.js';
import { FRAME, FRAME_BYTES } from '../dist/protocol/frame.js';
import { usePlace } from './support/place.js';
import { frame, readExactly } from './support/raw.js';

const place = usePlace();
const ignore = (): void => undefined;

/** One side's end of a channel's socket, and the bare socket at the other end. */
async function open() {
  const here = place();
  const endpoint = here.path();
  const server = createServer().listen(endpoint);
  here.defer(() => {
    server.close();
  });
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const peer = connect(endpoint);
  here.defer(() => {
    peer.destroy();
  });
  const [socket] = await accepted;
  const connection = new ChannelConnection(socket, 'the other side', new BufferPool(1024), {
    onReleased: ignore,
    onLeft: ignore,
    onFailure: ignore,
    onGone: ignore,
    onArrival: ignore,
    onRoom: ignore,
    onHangUp: ignore,
  });
  here.defer(() => connection.abandon());
  return { connection, socket, peer };
}

describe('a message that waits for its turn at the socket', () => {
  test('goes on when a release was in the way, and nothing else', async () => {
    const { connection, socket, peer } = await open();
    const { inbox, subscriber } = connection;
    connection.receive(frame(FRAME.message, 0, 0));
    const message = inbox.next();
    if (typeof message !== 'object') throw new Error('nothing has come');
    // As while the socket is full.
    socket.cork();
    inbox.giveBack(message);
    await new Promise(setImmediate);
    expect(socket.writableLength).toBe(FRAME_BYTES);
    const byteLength = PIECE_BYTES + 1;
    const bytes = Buffer.alloc(FRAME_BYTES + byteLength, 7);
    subscriber.send({ sequence: 0, byteLength, bytes, holders: 0, reusable: true });
    socket.uncork();
    // The release, the message in two pieces, and the frame of the second one.
    const all = await readExactly(peer, 3 * FRAME_BYTES + byteLength);
    expect(all.at(-1)).toBe(7);
    expect(subscriber.empty).toBe(true);
  });
});
