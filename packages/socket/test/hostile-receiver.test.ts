import {
  decodeHelloOfStream,
  encodeHello,
  HELLO_BYTES,
  HELLO_KIND,
  PROTOCOL_VERSION,
  REFUSAL,
  type Sender,
} from '@pageferry/core';
import { socketTransport } from '@pageferry/socket';
import { describe, expect, test } from 'vitest';
import { checkSenderOptions } from '../dist/options.js';
import { FRAME, FRAME_BYTES } from '../dist/protocol/frame.js';
import { NAME } from '../dist/protocol/name.js';
import { SocketSender } from '../dist/sending/socket-sender.js';
import { usePlace } from './support/place.js';
import { connectRaw, frame, hungUp, rawReceiver, readExactly } from './support/raw.js';

const place = usePlace();

async function startSender(options: { patience?: number; maxReceivers?: number } = {}) {
  const { patience, maxReceivers } = options;
  const settings = checkSenderOptions({ endpoint: place().path(), maxReceivers });
  return place().own(await SocketSender.create(settings, patience));
}

/** An honest receiver gets a message. */
async function expectWorks(sender: Sender): Promise<void> {
  const { endpoint } = sender;
  await using receiver = await socketTransport.createReceiver({ endpoint });
  const received = receiver.receive();
  expect(await sender.send(Buffer.from('works'))).toBe('sent');
  expect((await received)?.copy().toString()).toBe('works');
}

describe('a handshake with a receiver', () => {
  test('that never says anything ends by itself', async () => {
    const sender = await startSender({ patience: 20 });
    const silent = await connectRaw(place(), sender.endpoint);
    await hungUp(silent);
    await expectWorks(sender);
  });

  test('that says nothing does not keep others out, however many they are', async () => {
    const sender = await startSender();
    for (let count = 0; count < 200; count++) await connectRaw(place(), sender.endpoint);
    await expectWorks(sender);
    expect(sender.receivers.length).toBeLessThanOrEqual(1);
  });

  test('that says half a hello is none', async () => {
    const sender = await startSender();
    const half = await connectRaw(place(), sender.endpoint);
    half.write(encodeHello(HELLO_KIND.hello, NAME).subarray(0, 20));
    await expectWorks(sender);
    half.write(encodeHello(HELLO_KIND.hello, NAME).subarray(20));
    const answer = await readExactly(half, HELLO_BYTES);
    expect(decodeHelloOfStream(answer)).toMatchObject({ kind: HELLO_KIND.welcome });
  });

  test('that talks about something else is hung up on', async () => {
    const sender = await startSender();
    for (const words of ['GET / HTTP/1.1\r\n\r\n', '\0'.repeat(100_000), 'PAGEFRR!']) {
      const stranger = await connectRaw(place(), sender.endpoint);
      stranger.write(words);
      await hungUp(stranger);
    }
    await expectWorks(sender);
  });

  test('that does not fit is told why', async () => {
    const sender = await startSender({ maxReceivers: 1 });
    const version = encodeHello(HELLO_KIND.hello, NAME);
    version.writeUInt16LE(7, 8);
    const transport = encodeHello(HELLO_KIND.hello, NAME);
    transport.write('vmsplice\0', 16);
    await rawReceiver(place(), sender.endpoint);
    const cases = [
      [version, REFUSAL.version],
      [transport, REFUSAL.mechanism],
      [encodeHello(HELLO_KIND.hello, NAME), REFUSAL.noRoom],
    ] as const;
    for (const [hello, reason] of cases) {
      const receiver = await connectRaw(place(), sender.endpoint);
      receiver.write(hello);
      const answer = await readExactly(receiver, HELLO_BYTES);
      expect(decodeHelloOfStream(answer)).toMatchObject({
        kind: HELLO_KIND.refusal,
        reason,
        version: PROTOCOL_VERSION,
      });
      await hungUp(receiver);
    }
  });

  test('that waits while the sender closes is ended with it', async () => {
    const sender = await startSender();
    const silent = await connectRaw(place(), sender.endpoint);
    await sender.close();
    await hungUp(silent);
  });
});

describe('an open handshake', () => {
  /** How many pipes and sockets keep this process alive. */
  const alive = (): number =>
    process.getActiveResourcesInfo().filter((name) => name.startsWith('Pipe')).length;

  test.each(['before', 'after'])(
    'does not keep the process alive: unref %s it (11.13)',
    async (when) => {
      const sender = await startSender();
      if (when === 'before') sender.unref();
      await connectRaw(place(), sender.endpoint);
      await expectWorks(sender);
      while (sender.receivers.length > 0) await new Promise(setImmediate);
      sender.unref();
      const without = alive();
      sender.ref();
      // What listens, and the one that says nothing.
      expect(alive()).toBe(without + 2);
    },
  );
});

describe('what a receiver says', () => {
  const lies = [
    ['an unknown kind of frame', frame(8, 0, 0)],
    ['a frame that only senders send', frame(FRAME.end, 0, 0)],
    ['more messages than are under way', frame(FRAME.release, 2 ** 32 - 1, 0)],
    ['a message that was not sent', frame(FRAME.release, 1, 1)],
    ['a message twice', Buffer.concat([frame(FRAME.release, 1, 0), frame(FRAME.release, 1, 0)])],
    [
      'a number beyond all counting',
      Buffer.concat([
        Buffer.from([3, 0, 0, 0, 1, 0, 0, 0]),
        Buffer.alloc(8, 0xff),
        Buffer.alloc(FRAME_BYTES - 16),
      ]),
    ],
  ] as const;

  test.each(lies)('%s costs it its connection, and nobody else anything', async (_title, lie) => {
    const sender = await startSender();
    const { endpoint } = sender;
    const honest = place().own(await socketTransport.createReceiver({ endpoint }));
    const liar = await rawReceiver(place(), endpoint);
    await sender.waitForReceivers(2);
    expect(await sender.send(Buffer.from('one'))).toBe('sent');
    liar.write(lie);
    await hungUp(liar);
    expect(sender.receivers).toMatchObject([{ id: 0, messagesBehind: 1, bytesBehind: 3 }]);
    (await honest.receive())?.release();
    await sender.flush();
    expect(sender.stats().bytesOut).toBe(0);
    expect(await sender.send(Buffer.from('two'))).toBe('sent');
    expect((await honest.receive())?.copy().toString()).toBe('two');
  });

  test('too early does not let memory be used that is still going out', async () => {
    const sender = await startSender();
    const liar = await rawReceiver(place(), sender.endpoint);
    await sender.waitForReceivers();
    const byteLength = 8 * 1024 * 1024;
    const loan = await sender.loan(byteLength);
    loan.bytes.fill(1);
    const sent = loan.send();
    // Said before the receiver can have had it.
    liar.write(frame(FRAME.release, 1, 0));
    await sender.flush();
    const next = await sender.loan(byteLength);
    next.bytes.fill(2);
    const bytes = await readExactly(liar, FRAME_BYTES + byteLength);
    expect(bytes.subarray(FRAME_BYTES).every((byte) => byte === 1)).toBe(true);
    expect(await sent).toBe('sent');
    next.release();
  });

  test('in parts is understood', async () => {
    const sender = await startSender();
    const receiver = await rawReceiver(place(), sender.endpoint);
    await sender.waitForReceivers();
    for (const word of ['a', 'b', 'c']) await sender.send(Buffer.from(word));
    const releases = Buffer.concat([frame(FRAME.release, 1, 2), frame(FRAME.release, 2, 0)]);
    for (const byte of releases) receiver.write(Buffer.from([byte]));
    await sender.flush();
    expect(sender.receivers).toMatchObject([{ messagesBehind: 0, bytesBehind: 0 }]);
  });
});
