import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { finished, pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type { Delivery, Loan, Receiver, Sender } from '@pageferry/core';
import { toDuplex, toReadable, toWritable } from '@pageferry/streams';
import { expectNothingLeft, turns, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { content, TRANSPORTS, until, usePlace } from './support/ends.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const place = usePlace();
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** What a Duplex gives, without iterating over it: Node destroys a Duplex after that, also one that may still be written to. */
async function allOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  return Buffer.concat(chunks).toString();
}

describe.each(TRANSPORTS)('streams over $name', (transport) => {
  expectNothingLeft();

  test('carry much data through a pipeline with gzip, in a small pool', async () => {
    await using ends = await place.oneWay(transport, { poolBytes: 2 * MIB });
    const data = content(20 * MIB);
    const chunks = [0, 1, 7 * MIB, 7 * MIB + 3].map((from, index, all) =>
      data.subarray(from, all[index + 1]),
    );
    const sending = pipeline(
      Readable.from(chunks),
      createGzip({ level: 1 }),
      toWritable(ends.sender),
    );
    const receiving = pipeline(toReadable(ends.receiver), createGunzip(), buffer);
    const [, arrived] = await Promise.all([sending, receiving]);
    expect(sha256(arrived)).toBe(sha256(data));
    expect(ends.sender.closed).toBe(true);
    expect(ends.receiver.closed).toBe(true);
  });

  test.each([
    ['while it waits for room', 0],
    ['before its turn', 1],
  ])('fail rather than leave out a chunk that was transferred %s', async (_, number) => {
    await using ends = await place.oneWay(transport, { poolBytes: MIB });
    const chunks = [3, 1].map((mebibytes) => Buffer.from(new ArrayBuffer(mebibytes * MIB)));
    const writable = toWritable(ends.sender);
    const failed = once(writable, 'error');
    for (const chunk of chunks) writable.write(chunk);
    await turns();
    const { buffer: memory } = chunks[number] as Buffer<ArrayBuffer>;
    structuredClone(memory, { transfer: [memory] });
    await expect(buffer(toReadable(ends.receiver))).rejects.toEqual(withCode('PEER_DIED'));
    const [error] = await failed;
    expect(error).toEqual(withCode('BYTES_DETACHED'));
  });

  test('keep the boundaries of messages in object mode, empty ones included', async () => {
    await using ends = await place.oneWay(transport);
    const writable = toWritable(ends.sender, { objectMode: true });
    const loan = await ends.sender.loan(3);
    loan.bytes.set([7, 8, 9]);
    const messages = [
      'text',
      Buffer.alloc(0),
      [Buffer.from('a'), Buffer.from('b')],
      new Uint16Array([1]),
      loan,
    ];
    const sending = pipeline(Readable.from(messages), writable);
    const received: string[] = [];
    for await (const chunk of toReadable(ends.receiver, { objectMode: true })) {
      received.push((chunk as Buffer).toString('hex'));
    }
    await sending;
    expect(received).toEqual([Buffer.from('text').toString('hex'), '', '6162', '0100', '070809']);
  });

  test('pass over empty chunks in byte mode, and decode text', async () => {
    await using ends = await place.oneWay(transport);
    const writable = toWritable(ends.sender);
    for (const chunk of ['', 'ä', Buffer.alloc(0), 'b', Buffer.from('c')]) writable.write(chunk);
    writable.end();
    const text = await toReadable(ends.receiver, { encoding: 'utf8' }).toArray();
    expect(text.join('')).toBe('äbc');
  });

  test('gather small writes that wait into one message, and delay none', async () => {
    await using ends = await place.oneWay(transport);
    const writable = toWritable(ends.sender, { chunkBytes: 1000 });
    for (let count = 0; count < 500; count++) writable.write(Buffer.alloc(5, count));
    await new Promise((resolve) => writable.write('last', resolve));
    // The first one left at once, the others, which came meanwhile, as few messages.
    expect(ends.sender.stats().messagesSent).toBe(1 + Math.ceil((499 * 5 + 4) / 1000));
    writable.end();
    expect((await buffer(toReadable(ends.receiver))).length).toBe(2504);
  });

  test('read what waits as few chunks, and each byte once', async () => {
    await using ends = await place.oneWay(transport);
    const data = content(30 * KIB);
    const cuts = [0, 1, 999, 999, 7000, 14_000, 29_000, data.length];
    for (const [index, cut] of cuts.entries()) {
      await ends.sender.send(data.subarray(cuts[index - 1] ?? 0, cut));
    }
    await ends.sender.close();
    const chunkBytes = 10_000;
    const readable = toReadable(ends.receiver, { chunkBytes });
    const chunks: Buffer[] = [];
    for await (const chunk of readable) chunks.push(chunk as Buffer);
    expect(sha256(Buffer.concat(chunks))).toBe(sha256(data));
    expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThanOrEqual(chunkBytes);
    // Six messages with bytes.
    expect(chunks.length).toBeLessThan(6);
  });

  test('give chunks that the consumer may keep for ever', async () => {
    await using ends = await place.oneWay(transport, { poolBytes: 256 * KIB });
    const sending = pipeline(
      Readable.from(Array.from({ length: 40 }, (_, number) => Buffer.alloc(64 * KIB, number))),
      toWritable(ends.sender),
    );
    const kept: Buffer[] = [];
    for await (const chunk of toReadable(ends.receiver)) kept.push(chunk as Buffer);
    await sending;
    const all = Buffer.concat(kept);
    for (let number = 0; number < 40; number++) {
      const part = all.subarray(number * 64 * KIB, (number + 1) * 64 * KIB);
      expect(part.equals(Buffer.alloc(64 * KIB, number))).toBe(true);
    }
  });

  test('hand out the deliveries themselves where nothing is to be copied', async () => {
    await using ends = await place.oneWay(transport);
    const sending = pipeline(
      Readable.from(['one', 'two', 'three']),
      toWritable(ends.sender, { objectMode: true }),
    );
    const readable = toReadable(ends.receiver, { objectMode: true, copy: false });
    const deliveries = (await readable.toArray()) as Delivery[];
    await sending;
    expect(deliveries.map((each) => Buffer.from(each.bytes).toString())).toEqual([
      'one',
      'two',
      'three',
    ]);
    expect(ends.receiver.closed).toBe(false);
    for (const delivery of deliveries) delivery.release();
    expect(ends.receiver.stats().deliveriesHeld).toBe(0);
  });

  test('release what was read ahead when the stream is destroyed', async () => {
    await using ends = await place.oneWay(transport);
    for (let count = 0; count < 5; count++) await ends.sender.send(Buffer.from('message'));
    const readable = toReadable(ends.receiver, { objectMode: true, copy: false, highWaterMark: 3 });
    const [first] = (await once(readable, 'readable').then(() => [readable.read()])) as [Delivery];
    await until(() => readable.readableLength === 3);
    readable.destroy();
    await once(readable, 'close');
    expect(ends.receiver.stats().deliveriesHeld).toBe(1);
    first.release();
    // The receiver was not the stream's, and goes on.
    using next = await ends.receiver.receive();
    expect(next?.sequence).toBe(4);
  });

  test('hold a writer up while nobody reads, in bounded memory', async () => {
    await using ends = await place.oneWay(transport, { poolBytes: MIB, maxBorrowedBytes: MIB });
    const readable = toReadable(ends.receiver);
    readable.read(0);
    let given = 0;
    const source = new Readable({
      read() {
        given++;
        this.push(given > 200 ? null : Buffer.alloc(64 * KIB, given));
      },
    });
    const sending = pipeline(source, toWritable(ends.sender));
    await until(() => ends.sender.stats().bytesOut >= 512 * KIB || readable.readableLength > 0);
    await turns(200);
    expect(given).toBeLessThan(100);
    expect(ends.sender.stats().bytesOut).toBeLessThanOrEqual(MIB);
    expect(readable.readableLength).toBeLessThanOrEqual(512 * KIB);
    expect((await buffer(readable)).length).toBe(200 * 64 * KIB);
    await sending;
  });

  test('that are destroyed by a sender fail at the receiver, after what had arrived', async () => {
    await using ends = await place.oneWay(transport);
    const writable = toWritable(ends.sender);
    await new Promise((resolve) => writable.write('arrived', resolve));
    await until(() => ends.receiver.peek() !== undefined);
    writable.destroy(new Error('given up'));
    await expect(finished(writable)).rejects.toThrow('given up');
    const readable = toReadable(ends.receiver);
    const read: string[] = [];
    const reading = (async () => {
      for await (const chunk of readable) read.push(String(chunk));
    })();
    await expect(reading).rejects.toThrow(withCode('PEER_DIED'));
    expect(read).toEqual(['arrived']);
  });

  test('give what they have read ahead before the error that came after it', async () => {
    await using ends = await place.oneWay(transport);
    for (let count = 0; count < 5; count++) await ends.sender.send(Buffer.from('12345'));
    const readable = toReadable(ends.receiver);
    readable.read(0);
    await until(() => readable.readableLength === 25);
    await ends.sender.destroy();
    await turns();
    let text = '';
    const reading = (async () => {
      for await (const chunk of readable) text += chunk;
    })();
    await expect(reading).rejects.toThrow(withCode('PEER_DIED'));
    expect(text).toBe('12345'.repeat(5));
  });

  test('whose only receiver leaves fail at the sender', async () => {
    await using ends = await place.oneWay(transport, { poolBytes: MIB });
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(64 * KIB));
      },
    });
    const sending = pipeline(endless, toWritable(ends.sender));
    for await (const _ of toReadable(ends.receiver)) break;
    await expect(sending).rejects.toThrow(withCode('PEER_DIED'));
    expect(endless.destroyed).toBe(true);
    expect(ends.sender.closed).toBe(true);
  });

  test('carry an error that a consumer throws to both sides', async () => {
    await using ends = await place.twoWay(transport);
    const sending = pipeline(
      new Readable({
        read() {
          this.push(Buffer.alloc(64 * KIB));
        },
      }),
      toWritable(ends.here),
    );
    const receiving = pipeline(toReadable(ends.there), async (chunks) => {
      for await (const _ of chunks) throw new Error('cannot be used');
    });
    await expect(receiving).rejects.toThrow('cannot be used');
    await expect(sending).rejects.toThrow(withCode('PEER_DIED'));
    expect([ends.here.closed, ends.there.closed]).toEqual([true, true]);
  });

  test('are aborted by a signal while they wait', async () => {
    await using ends = await place.oneWay(transport);
    const abort = new AbortController();
    const reading = pipeline(toReadable(ends.receiver), buffer, { signal: abort.signal });
    abort.abort();
    await expect(reading).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
    await until(() => ends.receiver.closed);
    const readable = toReadable(ends.receiver);
    await expect(readable.toArray()).rejects.toThrow(withCode('CLOSED'));
  });

  test('wait for the first receiver before they send, also for an empty stream', async () => {
    const endpoint = place.fresh();
    await using sender = await transport.createSender({ endpoint });
    const sending = pipeline(Readable.from([]), toWritable(sender));
    await turns();
    expect(sender.closed).toBe(false);
    await using receiver = await transport.createReceiver({ endpoint });
    expect((await buffer(toReadable(receiver))).length).toBe(0);
    await sending;
  });

  test('that own nothing end nothing', async () => {
    await using ends = await place.oneWay(transport);
    const options = { autoClose: false, highWaterMark: 0 };
    await pipeline(Readable.from(['one']), toWritable(ends.sender, options));
    await pipeline(Readable.from(['two']), toWritable(ends.sender, options));
    for (const word of ['one', 'two']) {
      for await (const chunk of toReadable(ends.receiver, options)) {
        expect(String(chunk)).toBe(word);
        break;
      }
    }
    expect([ends.sender.closed, ends.receiver.closed]).toEqual([false, false]);
    await ends.sender.send(Buffer.from('three'));
    using last = await ends.receiver.receive();
    expect(last?.copy().toString()).toBe('three');
  });

  test('give back loans that were never sent', async () => {
    await using ends = await place.twoWay(transport);
    const writable = toWritable(ends.here, {
      objectMode: true,
      autoClose: false,
      highWaterMark: 8,
    });
    const loans: Loan[] = [];
    for (let count = 0; count < 3; count++) loans.push(await ends.here.loan(10));
    writable.cork();
    for (const loan of loans) writable.write(loan);
    writable.destroy();
    await once(writable, 'close');
    expect(loans.some((loan) => loan.owned)).toBe(false);
    expect(ends.here.stats().loansHeld).toBe(0);
  });

  describe('a duplex', () => {
    test('ends each direction for itself, and closes the channel with both', async () => {
      await using ends = await place.twoWay(transport);
      const [here, there] = [toDuplex(ends.here), toDuplex(ends.there)];
      here.end('question');
      expect(await allOf(there)).toBe('question');
      expect([ends.here.closed, ends.there.closed]).toEqual([false, false]);
      there.end('answer');
      expect(await allOf(here)).toBe('answer');
      await Promise.all([here, there].map((each) => each.closed || once(each, 'close')));
      expect([ends.here.closed, ends.there.closed]).toEqual([true, true]);
    });

    test('stands in the middle of a pipeline', async () => {
      await using ends = await place.twoWay(transport, { poolBytes: MIB });
      const data = content(5 * MIB);
      const there = toDuplex(ends.there);
      const answering = pipeline(there, createGzip({ level: 1 }), there);
      const compressed = await pipeline(
        Readable.from([data]),
        toDuplex(ends.here),
        createGunzip(),
        buffer,
      );
      await answering;
      expect(sha256(compressed)).toBe(sha256(data));
    });

    test('that is destroyed tells the other side, whether or not there is an error', async () => {
      for (const error of [undefined, new Error('given up')]) {
        await using ends = await place.twoWay(transport);
        const [here, there] = [toDuplex(ends.here), toDuplex(ends.there)];
        there.resume();
        here.on('error', () => undefined).destroy(error);
        await expect(finished(there)).rejects.toThrow(withCode('PEER_DIED'));
        expect(ends.there.closed).toBe(true);
      }
    });
  });

  test('say which option does not exist, and which does not fit', async () => {
    await using ends = await place.twoWay(transport);
    const wrong = { objectmode: true } as object;
    for (const make of [toReadable, toWritable, toDuplex]) {
      expect(() => make(ends.here, wrong)).toThrow("did you mean 'objectMode'?");
      expect(() => make({} as never)).toThrow(withCode('INVALID_ARGUMENT'));
    }
    expect(() => toReadable(ends.here, { copy: false })).toThrow(withCode('INVALID_ARGUMENT'));
    const writable = toWritable(ends.here, { objectMode: true });
    writable.write({ not: 'bytes' });
    await expect(finished(writable)).rejects.toThrow(withCode('INVALID_ARGUMENT'));
    expect(writable).toBeInstanceOf(Writable);
  });
});

describe('the event loop has its turns while nothing has to be waited for', () => {
  const MANY = 100_000;
  const bytes = Buffer.alloc(64 * KIB);
  const nothing = async (): Promise<void> => undefined;

  /** How many of {@link MANY} chunks had come through `stream` when the event loop turned first. */
  async function countAtFirstTurn(
    count: () => number,
    streaming: Promise<unknown>,
  ): Promise<number> {
    await new Promise(setImmediate);
    const counted = count();
    await streaming;
    return counted;
  }

  test('by what is read', async () => {
    let given = 0;
    const delivery = {
      bytes,
      byteLength: bytes.length,
      copy: () => bytes,
      release: () => undefined,
    };
    const source = {
      tryReceive: () => (given++ < MANY ? delivery : undefined),
      receive: nothing,
      releaseMany: () => undefined,
      close: nothing,
    } as unknown as Receiver;
    const sink = new Writable({ write: (_chunk, _encoding, done) => done() });
    const reading = pipeline(toReadable(source), sink);
    expect(await countAtFirstTurn(() => given, reading)).toBeLessThan(MANY);
  });

  test('by what is written', async () => {
    let sent = 0;
    let left = MANY;
    const loan = { bytes: Buffer.alloc(256 * KIB), release: () => undefined };
    const send = (): string => {
      sent++;
      return 'sent';
    };
    const sink = {
      tryLoan: () => ({ ...loan, trySend: send }),
      loan: nothing,
      send: async () => send(),
      waitForReceivers: nothing,
      close: nothing,
    } as unknown as Sender;
    const source = new Readable({
      read() {
        this.push(left-- > 0 ? bytes : null);
      },
    });
    const writing = pipeline(source, toWritable(sink));
    expect(await countAtFirstTurn(() => MANY - left, writing)).toBeLessThan(MANY);
    expect(sent).toBeGreaterThan(0);
  });
});
