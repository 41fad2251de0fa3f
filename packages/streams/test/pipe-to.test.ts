import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { pipeTo, toWritable } from '@pageferry/streams';
import { expectNothingLeft, turns, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { content, TRANSPORTS, until, usePlace } from './support/ends.js';

const MIB = 1024 * 1024;
const place = usePlace();

describe.each(TRANSPORTS)('pipeTo over $name', (transport) => {
  expectNothingLeft();

  test('writes everything to a file, out of a small pool', async () => {
    await using ends = await place.oneWay(transport, { poolBytes: MIB });
    const path = place.fresh('file');
    const data = content(8 * MIB);
    const sending = (async () => {
      for (let at = 0; at < data.length; at += MIB / 4) {
        await ends.sender.send(data.subarray(at, at + MIB / 4));
      }
      await ends.sender.close();
    })();
    expect(await pipeTo(ends.receiver, createWriteStream(path))).toBe(data.length);
    await sending;
    expect(readFileSync(path).equals(data)).toBe(true);
    expect(ends.receiver.closed).toBe(true);
  });

  test('releases a message when its write has called back, and not before', async () => {
    await using ends = await place.oneWay(transport);
    const callbacks: (() => void)[] = [];
    const seen: Uint8Array[] = [];
    const slow = new Writable({
      highWaterMark: 10,
      write(chunk, _encoding, done) {
        seen.push(chunk);
        callbacks.push(done);
      },
    });
    const piping = pipeTo(ends.receiver, slow);
    for (let count = 0; count < 5; count++) await ends.sender.send(Buffer.alloc(6, count));
    await until(() => callbacks.length === 1);
    await turns();
    // One is written, another one waits: then the Writable is full.
    expect(ends.receiver.stats().deliveriesHeld).toBe(2);
    await ends.sender.close();
    for (let count = 0; count < 5; count++) {
      await until(() => callbacks.length === 1);
      expect(Buffer.alloc(6, count).equals(seen[count] as Uint8Array)).toBe(true);
      callbacks.shift()?.();
    }
    expect(await piping).toBe(30);
  });

  test('copies for what may hand the same memory on', async () => {
    await using ends = await place.oneWay(transport, { poolBytes: MIB });
    const data = content(4 * MIB);
    const path = place.fresh('file');
    const file = createWriteStream(path);
    const pass = new PassThrough();
    const sending = (async () => {
      for (let at = 0; at < data.length; at += 64 * 1024) {
        await ends.sender.send(data.subarray(at, at + 64 * 1024));
      }
      await ends.sender.close();
    })();
    const through = buffer(pass);
    await pipeTo(ends.receiver, pass);
    await sending;
    expect((await through).equals(data)).toBe(true);
    file.destroy();
    await once(file, 'close');
  });

  test('ends with what the Writable fails with, and releases what that has not written', async () => {
    await using ends = await place.twoWay(transport);
    const failing = new Writable({
      write(_chunk, _encoding, done) {
        setImmediate(done, new Error('no space'));
      },
    });
    const piping = expect(pipeTo(ends.there, failing)).rejects.toThrow('no space');
    for (let count = 0; count < 3; count++) await ends.here.send(Buffer.alloc(1000));
    await piping;
    expect(ends.there.stats().deliveriesHeld).toBe(0);
    await expect(ends.here.receive()).rejects.toThrow(withCode('PEER_DIED'));
  });

  test('releases what a Writable that was destroyed never called back for', async () => {
    await using ends = await place.oneWay(transport);
    let isWriting = false;
    const silent = new Writable({
      write() {
        isWriting = true;
      },
    });
    const piping = pipeTo(ends.receiver, silent, { autoClose: false });
    const failed = expect(piping).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_PREMATURE_CLOSE' }),
    );
    await ends.sender.send(Buffer.from('never written'));
    await until(() => isWriting);
    expect(ends.receiver.stats().deliveriesHeld).toBe(1);
    silent.destroy();
    await failed;
    expect(ends.receiver.stats().deliveriesHeld).toBe(0);
  });

  test('destroys the Writable with what the source fails with', async () => {
    await using ends = await place.twoWay(transport);
    const target = new PassThrough();
    const through = buffer(target);
    through.catch(() => undefined);
    const piping = pipeTo(ends.there, target);
    await ends.here.send(Buffer.from('half'));
    await ends.here.destroy();
    await expect(piping).rejects.toThrow(withCode('PEER_DIED'));
    await expect(through).rejects.toThrow(withCode('PEER_DIED'));
  });

  test('is given up by a signal, and leaves what it does not own open', async () => {
    await using ends = await place.oneWay(transport);
    const abort = new AbortController();
    const target = new PassThrough();
    target.on('error', () => undefined);
    const piping = pipeTo(ends.receiver, target, { signal: abort.signal, autoClose: false });
    await turns();
    abort.abort();
    await expect(piping).rejects.toThrow(withCode('ABORTED'));
    expect(target.destroyed).toBe(true);
    await ends.sender.send(Buffer.from('next'));
    await ends.sender.close();
    const open = new PassThrough();
    expect(await pipeTo(ends.receiver, open, { end: false })).toBe(4);
    open.end();
    expect(String(await buffer(open))).toBe('next');
  });

  test('to a socket whose other end leaves holds nothing', async () => {
    await using ends = await place.oneWay(transport, { poolBytes: MIB });
    const server = createServer((socket) => socket.once('data', () => socket.destroy()));
    server.listen(0);
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port);
    const sending = pipeline(createReadStream('/dev/zero'), toWritable(ends.sender));
    await expect(pipeTo(ends.receiver, socket)).rejects.toThrow();
    await expect(sending).rejects.toThrow(withCode('PEER_DIED'));
    expect(ends.receiver.stats().deliveriesHeld).toBe(0);
    server.close();
    await once(server, 'close');
  });

  test('feeds a hash without a copy where the caller says so', async () => {
    await using ends = await place.oneWay(transport);
    const hash = createHash('sha256');
    const piping = pipeTo(ends.receiver, hash, { copy: false });
    await ends.sender.send(Buffer.from('abc'));
    await ends.sender.close();
    await piping;
    expect(hash.read().toString('hex')).toBe(createHash('sha256').update('abc').digest('hex'));
  });
});
