import { once } from 'node:events';
import { encodeHello, HELLO_KIND, PROTOCOL_VERSION, REFUSAL, type Receiver } from '@pageferry/core';
import { socketTransport } from '@pageferry/socket';
import { describe, expect, test } from 'vitest';
import { FRAME, FRAME_BYTES } from '../dist/protocol/frame.js';
import { NAME } from '../dist/protocol/name.js';
import { usePlace } from './support/place.js';
import { frame, listenRaw, rawSender } from './support/raw.js';

const MIB = 1024 * 1024;
const place = usePlace();
let endpoints = 0;

/** A receiver of a sender that says `bytes` after its welcome, in one piece, and then hangs up. */
async function receiverOf(...bytes: readonly Buffer[]): Promise<Receiver> {
  const endpoint = place().path(`endpoint-${endpoints++}`);
  await rawSender(place(), endpoint, (socket) => socket.end(Buffer.concat(bytes)));
  return place().own(await socketTransport.createReceiver({ endpoint }));
}

describe('a handshake with a sender', () => {
  const withVersion = (bytes: Buffer): Buffer => {
    bytes.writeUInt16LE(PROTOCOL_VERSION + 1, 8);
    return bytes;
  };
  const withName = (bytes: Buffer): Buffer => {
    bytes.write('carrier-pigeon\0', 16);
    return bytes;
  };
  const answers = [
    ['of another version', withVersion(encodeHello(HELLO_KIND.welcome, NAME)), 'VERSION_MISMATCH'],
    [
      'of another version that says little',
      withVersion(encodeHello(3, NAME)).subarray(0, 16),
      'VERSION_MISMATCH',
    ],
    [
      'that refuses the version',
      encodeHello(HELLO_KIND.refusal, NAME, REFUSAL.version),
      'VERSION_MISMATCH',
    ],
    [
      'of another transport',
      withName(encodeHello(HELLO_KIND.refusal, NAME, REFUSAL.mechanism)),
      'TRANSPORT_MISMATCH',
    ],
    ['that has no room', encodeHello(HELLO_KIND.refusal, NAME, REFUSAL.noRoom), 'PEER_REJECTED'],
    [
      'that refuses for reasons unknown',
      encodeHello(HELLO_KIND.refusal, NAME, 77),
      'PEER_REJECTED',
    ],
    ['that says hello itself', encodeHello(HELLO_KIND.hello, NAME), 'PEER_MISBEHAVED'],
    ['that is none', Buffer.from('220 mail.example ESMTP\r\n'), 'NOT_PAGEFERRY'],
  ] as const;

  test.each(answers)('%s is an error of its own', async (_title, answer, code) => {
    const endpoint = place().path();
    await listenRaw(place(), endpoint, (socket) => socket.write(answer));
    await expect(socketTransport.createReceiver({ endpoint })).rejects.toMatchObject({ code });
  });

  test('that never answers ends at the time limit, which says so (11.16)', async () => {
    const endpoint = place().path();
    await listenRaw(place(), endpoint, () => {});
    await expect(socketTransport.createReceiver({ endpoint, timeout: 20 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining('somebody listens there and has said nothing'),
    });
  });

  test('that hangs up half-way is tried again until a sender answers', async () => {
    const endpoint = place().path();
    let connections = 0;
    await listenRaw(place(), endpoint, (socket) => {
      connections++;
      const welcome = encodeHello(HELLO_KIND.welcome, NAME);
      socket.end(connections < 4 ? welcome.subarray(0, connections * 10) : welcome);
    });
    const receiver = place().own(await socketTransport.createReceiver({ endpoint }));
    expect(connections).toBe(4);
    await expect(receiver.receive()).rejects.toMatchObject({ code: 'PEER_DIED' });
  });
});

describe('what a sender says', () => {
  const stream = Buffer.concat([
    encodeHello(HELLO_KIND.welcome, NAME),
    frame(FRAME.message, 5, 41),
    Buffer.from('first'),
    frame(FRAME.message, 0, 42),
    frame(FRAME.message, 6, 43),
    Buffer.from('second'),
    frame(FRAME.end, 0, 44),
  ]);

  test('is understood wherever it is cut', async () => {
    const endpoint = place().path();
    let cut = 0;
    await listenRaw(place(), endpoint, async (socket) => {
      socket.write(stream.subarray(0, cut));
      // The second part leaves once the first one was taken, and one turn of the loop later.
      await new Promise((resolve) => setImmediate(resolve));
      socket.end(stream.subarray(cut));
    });
    for (cut = 1; cut < stream.length; cut++) {
      await using receiver = await socketTransport.createReceiver({ endpoint });
      const seen: string[] = [];
      for await (using delivery of receiver) {
        seen.push(`${delivery.sequence} ${Buffer.from(delivery.bytes)}`);
      }
      expect(seen).toEqual(['41 first', '42 ', '43 second']);
    }
  });

  const lies = [
    ['an unknown kind of frame', frame(9, 0, 1)],
    ['a frame that only receivers send', frame(FRAME.release, 1, 1)],
    ['a number that leaves one out', frame(FRAME.message, 3, 2)],
    ['a number twice', frame(FRAME.message, 3, 0)],
    ['an end that leaves one out', frame(FRAME.end, 0, 2)],
    ['a number beyond all counting', Buffer.alloc(FRAME_BYTES, 0xff)],
  ] as const;

  test.each(lies)('%s is PEER_MISBEHAVED, after what was right', async (_title, lie) => {
    const receiver = await receiverOf(frame(FRAME.message, 2, 0), Buffer.from('ok'), lie);
    expect((await receiver.receive())?.copy().toString()).toBe('ok');
    for (let time = 0; time < 2; time++) {
      await expect(receiver.receive()).rejects.toMatchObject({ code: 'PEER_MISBEHAVED' });
      await expect(receiver.spliceTo(1)).rejects.toMatchObject({ code: 'PEER_MISBEHAVED' });
    }
  });

  test('an end in the middle of a frame or a message is PEER_DIED', async () => {
    const whole = Buffer.concat([frame(FRAME.message, 3, 0), Buffer.from('abc')]);
    for (let length = 0; length < whole.length; length++) {
      const receiver = await receiverOf(whole.subarray(0, length));
      await expect(receiver.receive()).rejects.toMatchObject({ code: 'PEER_DIED' });
      expect(() => receiver.tryReceive()).toThrow(expect.objectContaining({ code: 'PEER_DIED' }));
    }
  });

  test('a huge length takes no memory until the bytes come', async () => {
    const endpoint = place().path();
    const claim = frame(FRAME.message, socketTransport.capabilities.maxMessageBytes, 0);
    await rawSender(place(), endpoint, async (socket) => {
      socket.write(claim);
      socket.write(Buffer.alloc(3 * MIB));
      await once(socket, 'drain');
      socket.destroy();
    });
    const options = { endpoint, maxBorrowedBytes: MIB };
    const receiver = place().own(await socketTransport.createReceiver(options));
    const before = process.memoryUsage().arrayBuffers;
    await expect(receiver.receive()).rejects.toMatchObject({ code: 'PEER_DIED' });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * MIB);
  });

  test('what nobody asks for is not read without limit', async () => {
    const endpoint = place().path();
    let written = 0;
    let full = () => {};
    const isFull = new Promise<void>((resolve) => {
      full = resolve;
    });
    await rawSender(place(), endpoint, (socket) => {
      // Writes on as long as anything is taken within a few turns of the event loop.
      const message = Buffer.concat([frame(FRAME.message, 100_000, 0), Buffer.alloc(100_000)]);
      const writeMore = async (): Promise<void> => {
        for (let turn = 0; turn < 200; turn++) {
          if (socket.writableLength === 0) {
            message.writeUInt32LE(written++, 8);
            socket.write(Buffer.from(message));
            turn = 0;
          }
          await new Promise((resolve) => setImmediate(resolve));
        }
        full();
      };
      void writeMore();
    });
    const receiver = place().own(await socketTransport.createReceiver({ endpoint }));
    await isFull;
    expect(written * 100_000).toBeLessThan(8 * MIB);
    const delivery = await receiver.receive();
    expect(delivery?.byteLength).toBe(100_000);
  });
});
