import { once } from 'node:events';
import { PassThrough, Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Delivery, Sender } from '@pageferry/core';
import {
  createStreams,
  loanFrom,
  pipeTo,
  toDuplex,
  toReadable,
  toReadableStream,
  toWritable,
  toWritableStream,
} from '@pageferry/streams';
import { expectNothingLeft, turns, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { TRANSPORTS, until, usePlace } from './support/ends.js';

const place = usePlace();
const ABORTED = expect.objectContaining({ name: 'AbortError' });

describe.each(TRANSPORTS)('streams over $name, used wrongly', (transport) => {
  expectNothingLeft();

  test('a signal that was aborted before ends a stream, and what it stands on', async () => {
    await using ends = await place.oneWay(transport);
    await using both = await place.twoWay(transport);
    const signal = AbortSignal.abort();
    const streams = [
      toWritable(ends.sender, { signal }),
      toReadable(ends.receiver, { signal }),
      toDuplex(both.here, { signal }),
    ];
    await Promise.all(streams.map((stream) => expect(finished(stream)).rejects.toEqual(ABORTED)));
    await until(() => ends.sender.closed && ends.receiver.closed && both.here.closed);
  });

  test('options that make no sense are refused', async () => {
    await using ends = await place.oneWay(transport);
    const refused = withCode('INVALID_ARGUMENT') as Error;
    const deliveries = { objectMode: true, copy: false, encoding: 'utf8' } as const;
    expect(() => toReadable(ends.receiver, deliveries)).toThrow(refused);
    expect(() => toReadable(ends.receiver, { signal: {} as AbortSignal })).toThrow(refused);
  });

  test('a chunk that is none ends a WritableStream, and its receivers learn of it', async () => {
    await using ends = await place.oneWay(transport);
    const writer = toWritableStream(ends.sender).getWriter();
    const closed = expect(writer.closed).rejects.toEqual(withCode('INVALID_ARGUMENT'));
    await expect(writer.write(5 as never)).rejects.toEqual(withCode('INVALID_ARGUMENT'));
    await closed;
    await expect(ends.receiver.receive()).rejects.toEqual(withCode('PEER_DIED'));
  });

  test('a ReadableStream of deliveries that is cancelled has left them where they were', async () => {
    await using ends = await place.oneWay(transport);
    const options = { objectMode: true, copy: false, highWaterMark: 4 } as const;
    const stream = toReadableStream(ends.receiver, options);
    for (let count = 0; count < 3; count++) await ends.sender.send(Buffer.alloc(10));
    const reader = stream.getReader();
    const first = (await reader.read()).value as Delivery;
    await turns();
    await reader.cancel();
    expect(ends.receiver.stats().deliveriesHeld).toBe(1);
    first.release();
    using next = await ends.receiver.receive();
    expect(next?.sequence).toBe(1);
  });

  test('an object that only looks like a loan is refused', async () => {
    await using ends = await place.oneWay(transport);
    const writable = toWritable(ends.sender, { objectMode: true });
    const failed = once(writable, 'error');
    writable.write({ trySend: () => 'sent', release: () => undefined });
    expect((await failed)[0]).toEqual(withCode('INVALID_ARGUMENT'));
  });

  test('a loan of another sender is refused: it would go to that one and its receivers', async () => {
    await using ends = await place.oneWay(transport);
    await using others = await place.oneWay(transport);
    const writable = toWritable(ends.sender, { objectMode: true });
    const failed = once(writable, 'error');
    writable.write(await others.sender.loan(10));
    expect((await failed)[0]).toEqual(withCode('INVALID_ARGUMENT'));
    expect(others.sender.stats()).toMatchObject({ messagesSent: 0, loansHeld: 0 });
  });

  test('a stream that was destroyed tells of no data, and gives back what it had read ahead', async () => {
    await using ends = await place.oneWay(transport);
    const options = { objectMode: true, copy: false, highWaterMark: 8 } as const;
    const stream = toReadable(ends.receiver, options);
    const told: number[] = [];
    stream.on('data', (delivery: Delivery) => {
      told.push(delivery.sequence);
      stream.pause();
      delivery.release();
    });
    for (let count = 0; count < 4; count++) await ends.sender.send(Buffer.alloc(10));
    await until(() => told.length === 1);
    await turns();
    stream.destroy();
    await turns();
    expect(told).toEqual([0]);
    expect(ends.receiver.stats().deliveriesHeld).toBe(0);
  });

  test('pipeTo waits for copies to be written, too', async () => {
    await using ends = await place.oneWay(transport);
    const callbacks: ((error?: Error) => void)[] = [];
    const slow = new Writable({ write: (_chunk, _encoding, done) => void callbacks.push(done) });
    let isOver = false;
    const piping = pipeTo(ends.receiver, slow, { end: false, copy: true }).finally(() => {
      isOver = true;
    });
    await ends.sender.send(Buffer.alloc(10));
    await ends.sender.close();
    await until(() => callbacks.length === 1);
    await turns();
    expect(isOver).toBe(false);
    callbacks[0]?.(new Error('disk full'));
    await expect(piping).rejects.toThrow('disk full');
  });

  test('pipeTo leaves no listener at a Writable that goes on', async () => {
    await using ends = await place.oneWay(transport);
    const writable = new PassThrough().resume();
    const listeners = (): number[] =>
      writable.eventNames().map((event) => writable.listenerCount(event));
    const before = listeners();
    await ends.sender.send(Buffer.alloc(10));
    await ends.sender.close();
    await pipeTo(ends.receiver, writable, { end: false });
    expect(listeners()).toEqual(before);
  });

  test('pipeTo into what somebody else has ended says so', async () => {
    await using ends = await place.oneWay(transport);
    const ended = new PassThrough().resume();
    ended.end();
    await once(ended, 'end');
    await ends.sender.send(Buffer.alloc(10));
    await expect(pipeTo(ends.receiver, ended)).rejects.toMatchObject({
      code: 'ERR_STREAM_WRITE_AFTER_END',
    });
  });

  test('pipeTo gives back what a Writable without a close event was writing', async () => {
    await using ends = await place.oneWay(transport);
    const stuck = new Writable({ emitClose: false, write: () => undefined });
    const ending = new AbortController();
    const options = { autoClose: false, signal: ending.signal };
    const piping = pipeTo(ends.receiver, stuck, options);
    await ends.sender.send(Buffer.alloc(10));
    await until(() => ends.receiver.stats().deliveriesHeld === 1);
    ending.abort();
    await expect(piping).rejects.toEqual(withCode('ABORTED'));
    expect(ends.receiver.stats().deliveriesHeld).toBe(0);
  });

  test.each([
    'before the end',
    'before a write',
    'while it is full',
    'as it ends',
    'while it ends',
  ])('pipeTo sees that a Writable without a close event was destroyed %s', async (when) => {
    await using ends = await place.oneWay(transport);
    let count = 0;
    const destroyed = new Writable({
      emitClose: false,
      highWaterMark: when === 'while it is full' ? 1 : 1000,
      write(_chunk, _encoding, done) {
        count++;
        if (count === 2 && when === 'while it is full') setImmediate(() => this.destroy());
        else done();
        if (count === 2 && when.startsWith('before')) this.destroy();
      },
      final() {
        if (when === 'as it ends') this.destroy();
        else setImmediate(() => this.destroy());
      },
    });
    const piping = pipeTo(ends.receiver, destroyed, { autoClose: false });
    const failing = expect(piping).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
    for (let sent = 0; sent < 2; sent++) await ends.sender.send(Buffer.alloc(10));
    await until(() => count === 2);
    if (when === 'before a write') await ends.sender.send(Buffer.alloc(10));
    await ends.sender.close();
    await failing;
    expect(count).toBe(2);
    expect(ends.receiver.stats().deliveriesHeld).toBe(0);
  });

  test('pipeTo sees that a Writable with one was destroyed while it ends', async () => {
    await using ends = await place.oneWay(transport);
    const destroyed = new Writable({
      write: (_chunk, _encoding, done) => done(),
      final() {
        setImmediate(() => this.destroy());
      },
    });
    const piping = pipeTo(ends.receiver, destroyed, { autoClose: false });
    const failing = expect(piping).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
    await ends.sender.send(Buffer.alloc(10));
    await ends.sender.close();
    await failing;
    expect(ends.receiver.stats().deliveriesHeld).toBe(0);
  });

  test('pipeTo can be aborted while the Writable ends', async () => {
    await using ends = await place.oneWay(transport);
    const given: unknown[] = [];
    const stuck = new Writable({ write: (chunk) => void given.push(chunk) });
    const ending = new AbortController();
    const piping = pipeTo(ends.receiver, stuck, { autoClose: false, signal: ending.signal });
    await ends.sender.send(Buffer.alloc(10));
    await ends.sender.close();
    await until(() => given.length === 1 && stuck.writableEnded);
    ending.abort();
    await expect(piping).rejects.toEqual(withCode('ABORTED'));
    expect(stuck.destroyed).toBe(true);
    expect(ends.receiver.stats().deliveriesHeld).toBe(0);
  });

  test('loanFrom fails with what its source fails with', async () => {
    await using ends = await place.oneWay(transport);
    const source = new Readable({
      read() {
        throw new Error('no more');
      },
    });
    await expect(loanFrom(ends.sender, source, 10)).rejects.toThrow('no more');
    expect(ends.sender.stats().loansHeld).toBe(0);
  });

  test('loanFrom fills no loan of a sender that was destroyed meanwhile', async () => {
    await using ends = await place.oneWay(transport);
    const source = new PassThrough();
    const filling = loanFrom(ends.sender, source, 10);
    await until(() => ends.sender.stats().loansHeld === 1);
    await turns();
    await ends.sender.destroy();
    source.write(Buffer.alloc(10));
    await expect(filling).rejects.toEqual(withCode('CLOSED'));
  });

  test('loanFrom heeds an abort that comes as its loan does', async () => {
    await using ends = await place.oneWay(transport);
    const ending = new AbortController();
    const { signal } = ending;
    const loan: Sender['loan'] = async (...request) => {
      const lent = await ends.sender.loan(...request);
      ending.abort();
      return lent;
    };
    const filling = loanFrom({ loan } as Sender, new PassThrough(), 10, { signal });
    await expect(filling).rejects.toEqual(withCode('ABORTED'));
    expect(ends.sender.stats().loansHeld).toBe(0);
  });

  test('loanFrom ends with its sender, and leaves what it has read in the source', async () => {
    await using ends = await place.oneWay(transport);
    const source = new PassThrough();
    const filling = loanFrom(ends.sender, source, 10);
    const failed = expect(filling).rejects.toEqual(withCode('CLOSED'));
    source.write(Buffer.from('half'));
    await until(() => ends.sender.stats().loansHeld === 1 && source.readableLength === 0);
    await ends.sender.destroy();
    await failed;
    expect(String(source.read())).toBe('half');
  });

  test('a loan that is given to a stream which is over goes back', async () => {
    await using ends = await place.oneWay(transport);
    const writable = toWritable(ends.sender, { objectMode: true, autoClose: false });
    writable.on('error', () => undefined).destroy();
    const loan = await ends.sender.loan(10);
    writable.write(loan);
    expect(loan.owned).toBe(false);
    expect(ends.sender.stats().loansHeld).toBe(0);
  });

  test('a loan that is given to end() goes back with the others', async () => {
    await using ends = await place.oneWay(transport);
    await using both = await place.twoWay(transport);
    const options = { objectMode: true, autoClose: false } as const;
    const streams = [
      { sink: ends.sender, stream: toWritable(ends.sender, { ...options, receivers: 2 }) },
      { sink: both.here, stream: toDuplex(both.here, options) },
    ];
    for (const { sink, stream } of streams) {
      stream.on('error', () => undefined).cork();
      stream.write(await sink.loan(10));
      stream.end(await sink.loan(10));
      stream.destroy();
      stream.end(await sink.loan(10));
      await until(() => sink.stats().loansHeld === 0);
    }
  });

  test('loans that wait in a WritableStream go back, and one that is over takes none', async () => {
    await using ends = await place.oneWay(transport);
    const options = { objectMode: true, autoClose: false, receivers: 2, highWaterMark: 4 } as const;
    const writer = toWritableStream(ends.sender, options).getWriter();
    const reason = new Error('enough');
    const failed = [expect(writer.closed).rejects.toBe(reason)];
    for (let count = 0; count < 3; count++) {
      const writing = writer.write(await ends.sender.loan(10));
      failed.push(expect(writing).rejects.toBeDefined());
    }
    await writer.abort(reason);
    expect(ends.sender.stats().loansHeld).toBe(0);
    await Promise.all(failed);
    using late = await ends.sender.loan(10);
    await expect(writer.write(late)).rejects.toBe(reason);
    expect(late.owned).toBe(true);
  });

  test('streams that are being closed end when the other side dies', async () => {
    await using ends = await place.twoWay(transport);
    const [here, there] = [createStreams(ends.here), createStreams(ends.there)];
    there.on('stream', (stream) => stream.on('error', () => undefined));
    const errors: unknown[] = [];
    const keep = (error: unknown): void => void errors.push(error);
    const writing = here.open('writes', { readable: false }).on('error', keep);
    writing.write(Buffer.alloc(1_000_000));
    const reading = here.open('reads').on('error', keep);
    reading.end();
    reading.resume();
    await until(() => there.size === 2);
    const closing = here.close();
    await turns();
    await ends.there.destroy();
    await closing;
    await until(() => errors.length === 2);
    expect(errors).toEqual([withCode('PEER_DIED'), withCode('PEER_DIED')]);
    expect(here.size).toBe(0);
  });

  test('a writer whose other side has ended in order waits for no credit', async () => {
    await using ends = await place.twoWay(transport);
    const here = createStreams(ends.here);
    const there = createStreams(ends.there, { autoClose: false });
    there.on('stream', (stream) => stream.on('error', () => undefined));
    const writing = here.open('writes', { readable: false });
    const failed = once(writing, 'error');
    writing.write(Buffer.alloc(1_000_000));
    await until(() => there.size === 1);
    await ends.there.finish();
    expect((await failed)[0]).toEqual(withCode('STREAM_RESET'));
    await there.destroy();
  });
});
