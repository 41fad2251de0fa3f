import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ByteQuota, PageferryError } from '@pageferry/core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FakeReceiver } from './support/fake-receiver.js';
import { stateOf, turns } from './support/turns.js';

const DIED = new PageferryError('PEER_DIED', 'it died');

describe('receiving', () => {
  test('a message that is here comes at once; a later one is waited for', async () => {
    const receiver = new FakeReceiver();
    receiver.arrive(10);
    expect(await receiver.receive()).toMatchObject({ sequence: 0, byteLength: 10, offset: 0 });
    const waiting = receiver.receive();
    expect(await stateOf(waiting)).toBe('pending');
    receiver.arrive(20);
    expect(await waiting).toMatchObject({ sequence: 1, byteLength: 20, offset: 0 });
    expect(receiver.stats()).toEqual({
      messagesReceived: 2,
      sharedBytes: 0,
      bytesReceived: 30,
      deliveriesHeld: 2,
      bytesHeld: 30,
    });
  });

  test('tryReceive never overtakes a call that waits, even when the loop is due', async () => {
    for (const spinMicroseconds of [1e9, 0]) {
      const receiver = new FakeReceiver(spinMicroseconds);
      receiver.arrive(1);
      await receiver.receive();
      const waiting = receiver.receive();
      expect(receiver.tryReceive()).toBeUndefined();
      receiver.arrive(2);
      expect((await waiting)?.sequence).toBe(1);
      await turns();
      receiver.arrive(3);
      expect(receiver.tryReceive()?.sequence).toBe(2);
    }
  });

  test('receiveMany takes what is here and keeps an error for the next call', async () => {
    const receiver = new FakeReceiver();
    for (const length of [1, 2, 3]) receiver.arrive(length);
    receiver.end(DIED);
    expect((await receiver.receiveMany(2)).map(({ sequence }) => sequence)).toEqual([0, 1]);
    expect((await receiver.receiveMany(9)).map(({ sequence }) => sequence)).toEqual([2]);
    await expect(receiver.receiveMany(9)).rejects.toBe(DIED);
    await expect(receiver.receive()).rejects.toBe(DIED);
    expect(() => receiver.tryReceive()).toThrow(DIED);
    await expect(receiver.receiveMany(0)).rejects.toMatchObject({ argument: 'max' });
  });

  test('the orderly end is undefined for ever, and ends an iteration', async () => {
    const receiver = new FakeReceiver();
    receiver.arrive(1);
    receiver.end();
    const sequences: number[] = [];
    for await (const delivery of receiver) sequences.push(delivery.sequence);
    expect(sequences).toEqual([0]);
    expect(await receiver.receive()).toBeUndefined();
    expect(await receiver.receive({ timeout: 1000 })).toBeUndefined();
    expect(receiver.tryReceive()).toBeUndefined();
    expect(await receiver.receiveMany(3)).toEqual([]);
    expect(await receiver.spliceTo(1)).toBeUndefined();
  });

  test('an aborted call takes no message, and lets those behind it through', async () => {
    const receiver = new FakeReceiver();
    const controller = new AbortController();
    const first = receiver.receive({ signal: controller.signal });
    const second = receiver.receive({ signal: controller.signal });
    const third = receiver.receive();
    controller.abort('why');
    await expect(first).rejects.toMatchObject({ code: 'ABORTED', cause: 'why' });
    await expect(second).rejects.toMatchObject({ code: 'ABORTED' });
    receiver.arrive(1);
    expect((await third)?.sequence).toBe(0);
  });
});

describe('the current message', () => {
  test('is known before it is received, however long that takes', async () => {
    const receiver = new FakeReceiver();
    expect(receiver.peek()).toBeUndefined();
    const message = receiver.arrive(10, false);
    receiver.arrive(20);
    for (let time = 0; time < 2; time++) {
      expect(receiver.peek()).toEqual({ byteLength: 10, sequence: 0, offset: 0, tag: 0 });
      expect(receiver.tryReceive()).toBeUndefined();
    }
    const waiting = receiver.receive();
    expect(receiver.peek()).toBeUndefined(); // It is that call's.
    message.isWhole = true;
    receiver.wake();
    expect((await waiting)?.sequence).toBe(0);
    expect(receiver.peek()).toMatchObject({ byteLength: 20, sequence: 1 });
    receiver.tryReceive();
    receiver.end();
    expect(receiver.peek()).toBeUndefined();
    expect(receiver.ended).toBe(true);
  });

  test('waits until the caller has released enough, and one that is too large until all is', async () => {
    const receiver = new FakeReceiver(1e9, false, new ByteQuota(10));
    for (const length of [8, 3, 100]) receiver.arrive(length);
    const first = await receiver.receive();
    expect(receiver.tryReceive()).toBeUndefined();
    await expect(receiver.receive({ timeout: 1 })).rejects.toThrow(
      'holds all it may: 1 delivery (8 bytes)',
    );
    const waiting = receiver.receive();
    first?.release();
    const second = await waiting;
    expect(second?.byteLength).toBe(3);
    expect(receiver.tryReceive()).toBeUndefined();
    second?.release();
    expect(receiver.tryReceive()?.byteLength).toBe(100);
  });

  test('is not taken at all while no piece more may be held', async () => {
    const receiver = new FakeReceiver(1e9, false, new ByteQuota(10, 1));
    receiver.arrive(1);
    const first = await receiver.receive();
    receiver.arrive(1);
    expect(receiver.tryReceive()).toBeUndefined();
    await expect(receiver.receive({ timeout: 1 })).rejects.toThrow('holds all it may');
    first?.release();
    expect(receiver.tryReceive()?.sequence).toBe(1);
  });
});

describe('a delivery', () => {
  test('is given back once, by release, dispose or a using block', async () => {
    const receiver = new FakeReceiver();
    for (const length of [1, 2, 3]) receiver.arrive(length);
    const [first, second, third] = await receiver.receiveMany(3);
    first?.release();
    first?.release();
    second?.[Symbol.dispose]();
    second?.release();
    expect(receiver.calls).toEqual(['giveBack 0', 'giveBack 1']);
    expect(receiver.stats()).toMatchObject({ deliveriesHeld: 1, bytesHeld: 3 });
    expect([first?.released, third?.released]).toEqual([true, false]);
  });

  test('is not readable any more once it was released; a copy is', async () => {
    const receiver = new FakeReceiver();
    receiver.arrive(0);
    receiver.arrive(4);
    await receiver.receive();
    const delivery = await receiver.receive();
    const copy = delivery?.copy();
    expect(copy).toEqual(Buffer.from([1, 1, 1, 1]));
    delivery?.bytes.fill(9);
    expect(copy).toEqual(Buffer.from([1, 1, 1, 1]));
    delivery?.release();
    expect(() => delivery?.bytes).toThrow(expect.objectContaining({ code: 'DELIVERY_RELEASED' }));
    expect(() => delivery?.copy()).toThrow(expect.objectContaining({ code: 'DELIVERY_RELEASED' }));
    expect(delivery).toMatchObject({ byteLength: 4, sequence: 1 });
  });
});

describe('spliceTo', () => {
  test('takes the quick way where the backend has one', async () => {
    const receiver = new FakeReceiver();
    receiver.arrive(7);
    receiver.end();
    receiver.atOnce = 100;
    expect(await receiver.spliceTo(1)).toEqual({
      byteLength: 7,
      sequence: 0,
      tag: 0,
      method: 'splice',
      userSpaceCopies: 0,
    });
    expect(await receiver.spliceTo({ fd: 1 })).toBeUndefined();
    expect(receiver.moves).toEqual([{ fd: 1, teeFd: undefined, destination: 1 }]);
    expect(receiver.calls).toEqual(['giveBack 0']);
    expect(receiver.stats()).toMatchObject({ messagesReceived: 1, bytesReceived: 7 });
  });

  test('goes on where the quick way has stopped, and counts both', async () => {
    const receiver = new FakeReceiver();
    receiver.arrive(100);
    receiver.atOnce = 60;
    const expected = {
      byteLength: 100,
      sequence: 0,
      tag: 0,
      method: 'read-write',
      userSpaceCopies: 2,
    };
    expect(await receiver.spliceTo({ fd: 5 })).toEqual(expected);
    expect(receiver.moves.at(-1)).toEqual({ fd: 5, teeFd: undefined, destination: { fd: 5 } });
  });

  test('says how much it has moved when it fails, and leaves the rest to whoever comes next', async () => {
    const receiver = new FakeReceiver();
    receiver.arrive(100);
    receiver.atOnce = 60;
    receiver.moveFails = new PageferryError('SYSTEM_CALL_FAILED', 'the disk is full');
    await expect(receiver.spliceTo(1)).rejects.toMatchObject({ bytesTransferred: 80 });
    expect(receiver.peek()).toEqual({ byteLength: 100, sequence: 0, offset: 80, tag: 0 });
    expect(await receiver.receive()).toMatchObject({ byteLength: 20, offset: 80 });
  });

  test('passes on the pipe of tee, or says that it cannot', async () => {
    const able = new FakeReceiver(1e9, true);
    able.arrive(1);
    await able.spliceTo(5, { tee: { fd: 6 } });
    expect(able.moves).toEqual([{ fd: 5, teeFd: 6, destination: 5 }]);
    const unable = new FakeReceiver();
    await expect(unable.spliceTo(5, { tee: 6 })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });

  test('takes a stream that has written all it was given, and no other', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pageferry-stream-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const stream = createWriteStream(join(folder, 'file'));
    await once(stream, 'open');
    const receiver = new FakeReceiver();
    receiver.arrive(3);
    receiver.atOnce = 3;
    stream.write(Buffer.alloc(100));
    const early = receiver.spliceTo(stream as unknown as { fd: number });
    await expect(early).rejects.toThrow("100 bytes wait in this one (await its 'drain' event)");
    while (stream.writableLength > 0) await new Promise(setImmediate);
    expect((await receiver.spliceTo(stream as unknown as { fd: number }))?.byteLength).toBe(3);
    await new Promise((resolve) => stream.end(resolve));
  });

  test('refuses what is no descriptor', async () => {
    const receiver = new FakeReceiver();
    for (const bad of [-1, 1.5, '1', null, undefined, {}, { fd: -1 }]) {
      await expect(receiver.spliceTo(bad as never)).rejects.toMatchObject({
        argument: 'destination',
      });
    }
  });
});

describe('the end of a receiver', () => {
  test('close hangs up once, and every call that waits is told', async () => {
    const receiver = new FakeReceiver();
    const waiting = [
      receiver.receive(),
      receiver.receive({ timeout: 1000 }),
      receiver.receiveMany(2),
    ];
    const told = waiting.map((call) => expect(call).rejects.toMatchObject({ code: 'CLOSED' }));
    await Promise.all([receiver.close(), receiver.close()]);
    await receiver[Symbol.asyncDispose]();
    await Promise.all(told);
    expect(receiver.calls).toEqual(['hangUp']);
  });

  test('after close nothing works, and what was held is released', async () => {
    const receiver = new FakeReceiver();
    receiver.arrive(3);
    receiver.arrive(3);
    const delivery = await receiver.receive();
    await receiver.close();
    for (const call of [receiver.receive(), receiver.receiveMany(1), receiver.spliceTo(1)]) {
      await expect(call).rejects.toMatchObject({ code: 'CLOSED' });
    }
    expect(() => receiver.tryReceive()).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    expect(delivery?.released).toBe(true);
    expect(() => delivery?.bytes).toThrow(expect.objectContaining({ code: 'DELIVERY_RELEASED' }));
    delivery?.release();
    expect(receiver.calls).toEqual(['hangUp']);
    expect(receiver.stats()).toMatchObject({ deliveriesHeld: 0, bytesHeld: 0 });
  });
});
