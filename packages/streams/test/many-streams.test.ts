import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { finished, pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type ChannelStream, createStreams } from '@pageferry/streams';
import { expectNothingLeft, turns, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { content, TRANSPORTS, until, usePlace } from './support/ends.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const place = usePlace();
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Gives `byteLength` bytes, and counts how many were taken. */
function counted(byteLength = Number.POSITIVE_INFINITY): Readable & { given: number } {
  const source = new Readable({
    read() {
      const length = Math.min(32 * KIB, byteLength - source.given);
      source.given += length;
      this.push(length === 0 ? null : Buffer.alloc(length, 1));
    },
  }) as Readable & { given: number };
  source.given = 0;
  return source;
}

describe.each(TRANSPORTS)('streams that share a channel of $name', (transport) => {
  expectNothingLeft();

  test('carry a name, metadata and bytes both ways, and end each direction for itself', async () => {
    await using ends = await place.twoWay(transport);
    const [here, there] = [createStreams(ends.here), createStreams(ends.there)];
    const asked = here.open('gzip', { metadata: { level: 1 } });
    asked.end('what is to be smaller');
    const accepted = (async () => {
      for await (const stream of there) {
        expect([stream.name, stream.metadata]).toEqual(['gzip', { level: 1 }]);
        await pipeline(stream, createGzip(), stream);
        return;
      }
    })();
    expect((await buffer(asked)).subarray(0, 2).toString('hex')).toBe('1f8b');
    await accepted;
    await Promise.all([here.close(), there.close()]);
    expect([here.size, there.size]).toEqual([0, 0]);
    expect([ends.here.closed, ends.there.closed]).toEqual([true, true]);
  });

  test('are 100 at once, and one that stalls does not stall the others', async () => {
    await using ends = await place.twoWay(transport, { poolBytes: 4 * MIB });
    const [here, there] = [createStreams(ends.here), createStreams(ends.there)];
    const digests = new Map<string, string>();
    let stalled: ChannelStream | undefined;
    there.on('stream', (stream) => {
      if (stream.name === '13') stalled = stream;
      else void buffer(stream).then((bytes) => digests.set(stream.name, sha256(bytes)));
    });
    const data = Array.from({ length: 100 }, (_, number) => content(200_000 + number, number));
    const endless = counted();
    const sending = data.map(async (bytes, number) => {
      const stream = here.open(String(number), { readable: false });
      if (number === 13) await pipeline(endless, stream);
      else await pipeline(Readable.from([bytes]), stream);
    });
    const rest = Promise.allSettled(sending);
    await until(() => digests.size === 99);
    for (const [number, bytes] of data.entries()) {
      if (number !== 13) expect(digests.get(String(number))).toBe(sha256(bytes));
    }
    await turns(50);
    // A window and what the streams on both sides hold.
    expect(endless.given).toBeLessThan(MIB);
    expect(ends.here.stats().bytesOut).toBe(0);
    expect(here.size).toBe(1);
    stalled?.on('error', () => undefined).destroy(new Error('too much'));
    const results = await rest;
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    await expect(sending[13]).rejects.toMatchObject({
      code: 'STREAM_RESET',
      cause: { message: 'too much' },
    });
    await Promise.all([here.close(), there.close()]);
  });

  test('keep the boundaries of messages in object mode, also of large and empty ones', async () => {
    await using ends = await place.twoWay(transport);
    const [here, there] = [createStreams(ends.here), createStreams(ends.there)];
    const messages = [Buffer.alloc(0), content(MIB), 'text', [Buffer.from('a'), Buffer.from('b')]];
    const sending = pipeline(
      Readable.from(messages),
      here.open('objects', { objectMode: true, readable: false }),
    );
    const [stream] = (await once(there, 'stream')) as [ChannelStream];
    const received = (await stream.toArray()) as Buffer[];
    expect(received.map((each) => each.length)).toEqual([0, MIB, 4, 2]);
    expect(received[1]?.equals(content(MIB))).toBe(true);
    await sending;
    await Promise.all([here.close(), there.close()]);
  });

  test('only read where the other side only writes', async () => {
    await using ends = await place.twoWay(transport);
    const [here, there] = [createStreams(ends.here), createStreams(ends.there)];
    there.on('stream', (stream) => {
      expect(stream.readable).toBe(false);
      stream.end(`what ${stream.name} holds`);
    });
    expect(await text(here.open('file', { writable: false }))).toBe('what file holds');
    await until(() => here.size + there.size === 0);
    await Promise.all([here.close(), there.close()]);
  });

  test('are given up from either side, and the others go on', async () => {
    await using ends = await place.twoWay(transport);
    const [here, there] = [createStreams(ends.here), createStreams(ends.there)];
    const incoming = there[Symbol.asyncIterator]();
    const first = here.open('first');
    first.write('something');
    const theirs = (await incoming.next()).value as ChannelStream;
    first
      .on('error', () => undefined)
      .destroy(Object.assign(new Error('no more'), { code: 'E_MORE' }));
    await expect(text(theirs)).rejects.toMatchObject({
      code: 'STREAM_RESET',
      cause: { message: 'no more', code: 'E_MORE' },
    });
    const second = here.open('second');
    second.write('x');
    const accepted = (await incoming.next()).value as ChannelStream;
    accepted.destroy();
    await expect(finished(second)).rejects.toThrow(withCode('STREAM_RESET'));
    const third = here.open('third', { readable: false });
    third.end('all of it');
    expect(await text((await incoming.next()).value as ChannelStream)).toBe('all of it');
    await Promise.all([here.close(), there.close()]);
    expect((await incoming.next()).done).toBe(true);
  });

  test('fail with the channel, unless they are complete', async () => {
    await using ends = await place.twoWay(transport);
    const [here, there] = [createStreams(ends.here), createStreams(ends.there)];
    const incoming = there[Symbol.asyncIterator]();
    here.open('complete', { readable: false }).end('everything');
    const complete = (await incoming.next()).value as ChannelStream;
    const open = here.open('open');
    open.write('part');
    open.on('error', () => undefined);
    const part = (await incoming.next()).value as ChannelStream;
    here
      .open('not asked for')
      .on('error', () => undefined)
      .write('part');
    await until(() => there.size === 3 && !complete.isAwaitingData);
    // Whoever has a stream listens for its errors: this side may learn of the end before the other one is done.
    const failing = expect(text(part)).rejects.toThrow(withCode('PEER_DIED'));
    await here.destroy(new Error('over'));
    await failing;
    expect(await text(complete)).toBe('everything');
    await expect(incoming.next()).rejects.toThrow(withCode('PEER_DIED'));
    await until(() => ends.there.closed);
    expect(() => there.open('late')).toThrow(withCode('CLOSED'));
  });

  test('end with STREAM_RESET where the other side closes in order before they have', async () => {
    await using ends = await place.twoWay(transport);
    const there = createStreams(ends.there);
    const reading = text(there.open('never answered'));
    const failed = expect(reading).rejects.toThrow(withCode('STREAM_RESET'));
    await turns();
    await ends.here.close();
    await failed;
    await until(() => ends.there.closed);
  });

  test('are refused where there are too many', async () => {
    await using ends = await place.twoWay(transport);
    const here = createStreams(ends.here);
    const there = createStreams(ends.there, { maxStreams: 2 });
    const streams = [1, 2, 3].map((number) => here.open(String(number)));
    await expect(finished(streams[2] as ChannelStream)).rejects.toMatchObject({
      code: 'STREAM_RESET',
      cause: { message: 'too many streams are open' },
    });
    for await (const stream of there) {
      stream.resume().end();
      if (stream.name === '2') break;
    }
    for (const stream of streams.slice(0, 2)) stream.resume().end();
    await Promise.all([here.close(), there.close()]);
  });

  test('refuse options that cannot be used, before anything is sent', async () => {
    await using ends = await place.twoWay(transport);
    const streams = createStreams(ends.here);
    const circular: Record<string, unknown> = {};
    circular['itself'] = circular;
    for (const options of [
      { metadata: circular },
      { metadata: 1n },
      { metadata: 'x'.repeat(64 * KIB) },
      { readable: false, writable: false },
      { objectMode: 1 },
      { objectmode: true },
    ]) {
      expect(() => streams.open('name', options as never)).toThrow(withCode('INVALID_ARGUMENT'));
    }
    expect(() => createStreams(ends.there, { windowBytes: 1 })).toThrow(
      withCode('INVALID_ARGUMENT'),
    );
    expect(streams.size).toBe(0);
    expect(ends.here.stats().messagesSent).toBe(0);
    await streams.close();
  });

  test('hold a reader of a large window to it, and tell of credits in between', async () => {
    await using ends = await place.twoWay(transport);
    const here = createStreams(ends.here);
    const there = createStreams(ends.there, { windowBytes: 128 * KIB });
    const source = counted(10 * MIB);
    const sending = pipeline(source, here.open('much', { readable: false }));
    const [stream] = (await once(there, 'stream')) as [ChannelStream];
    await turns(100);
    expect(source.given).toBeLessThan(512 * KIB);
    let count = 0;
    for await (const chunk of stream) count += (chunk as Buffer).length;
    expect(count).toBe(10 * MIB);
    await sending;
    await Promise.all([here.close(), there.close()]);
  });

  describe('a side that breaks the protocol loses the channel', () => {
    test.each([
      ['a kind that there is none of', [{ tag: 7, payload: Buffer.alloc(0) }]],
      ['an opening that is no JSON', [{ tag: 8, payload: Buffer.from('{') }]],
      ['an opening without a name', [{ tag: 8, payload: Buffer.from('null') }]],
      ['a stream twice', [1, 2].map(() => ({ tag: 8, payload: Buffer.from('{"name":"a"}') }))],
      [
        'more than it may',
        [
          { tag: 8, payload: Buffer.from('{"name":"a"}') },
          ...Array.from({ length: 5 }, () => ({ tag: 9, payload: Buffer.alloc(63 * KIB) })),
        ],
      ],
      [
        'a message of a stream of bytes that is larger than the window',
        [
          { tag: 8, payload: Buffer.from('{"name":"a"}') },
          { tag: 9, payload: Buffer.alloc(MIB) },
        ],
      ],
      [
        'two ends',
        [
          { tag: 8, payload: Buffer.from('{"name":"a"}') },
          { tag: 10, payload: Buffer.alloc(0) },
          { tag: 10, payload: Buffer.alloc(0) },
        ],
      ],
      [
        'a credit of three bytes',
        [
          { tag: 8, payload: Buffer.from('{"name":"a"}') },
          { tag: 12, payload: Buffer.alloc(3) },
        ],
      ],
    ])('%s', async (_, frames) => {
      await using ends = await place.twoWay(transport);
      const there = createStreams(ends.there);
      for (const { tag, payload } of frames) await ends.here.send(payload, { tag });
      const iterating = (async () => {
        const streams: ChannelStream[] = [];
        for await (const stream of there) streams.push(stream.on('error', () => undefined));
      })();
      await expect(iterating).rejects.toThrow(withCode('PEER_MISBEHAVED'));
      expect(there.size).toBe(0);
      await until(() => ends.there.closed);
    });
  });
});
