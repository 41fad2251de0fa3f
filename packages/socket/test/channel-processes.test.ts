import { closeSync, openSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { PIECE_BYTES, WINDOW_BYTES } from '../dist/protocol/channel.js';
import { ROLES, withProcess } from './support/channels.js';
import { usePlace } from './support/place.js';
import type { Report } from './support/process.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const place = usePlace();

/** Around every border of the protocol. */
const LENGTHS = [
  0,
  1,
  PIECE_BYTES - 1,
  PIECE_BYTES,
  PIECE_BYTES + 1,
  WINDOW_BYTES,
  WINDOW_BYTES + 1,
  5 * MIB + 3,
  7,
];

describe.each(ROLES)('a channel to another process, where this one %s', (role) => {
  test('carries messages of all lengths both ways at once', async () => {
    const { here, there } = await withProcess(place(), role);
    const sent = (async () => {
      for (const [number, length] of LENGTHS.entries()) {
        expect(await here.send(Buffer.alloc(length, number), { tag: number })).toBe('sent');
      }
    })();
    const theirs = there.call<Report>('receive', LENGTHS.length);
    const sending = there.call('send', LENGTHS);
    for (const [number, length] of LENGTHS.entries()) {
      using delivery = await here.receive();
      expect(delivery).toMatchObject({ byteLength: length, sequence: number, isRequest: false });
      expect(Buffer.alloc(length, number).equals(delivery?.bytes as Uint8Array)).toBe(true);
    }
    await sent;
    await sending;
    expect(await theirs).toEqual({ lengths: LENGTHS, isRight: true, hasEnded: false });
    await Promise.all([here.flush(), there.call('flush')]);
    expect(here.stats()).toMatchObject({ bytesOut: 0, bytesHeld: 0, deliveriesHeld: 0 });
    expect(await there.call('stats')).toMatchObject({ bytesOut: 0, bytesHeld: 0 });
  });

  test('carries questions, which are answered in another order, or with an error', async () => {
    const { here, there } = await withProcess(place(), role);
    const served = there.call('serve', 300);
    const asked = Array.from({ length: 299 }, (_, number) =>
      here.request(Buffer.alloc(1 + number * 100, number), { tag: number }),
    );
    await expect(here.request(Buffer.alloc(0))).rejects.toMatchObject({
      code: 'REQUEST_FAILED',
      cause: { message: 'nothing asked', code: 'E_EMPTY' },
    });
    for (const [number, answer] of (await Promise.all(asked)).entries()) {
      expect(Buffer.alloc(1 + number * 100, number).equals(answer.bytes)).toBe(true);
      answer.release();
    }
    await served;
    expect(here.stats()).toMatchObject({ requestsOpen: 0, deliveriesHeld: 0 });
  });

  test('ends in each direction for itself', async () => {
    const { here, there } = await withProcess(place(), role);
    expect(await here.send(Buffer.alloc(10, 0))).toBe('sent');
    const drained = there.call<Report>('receive');
    await here.finish();
    expect(await drained).toEqual({ lengths: [10], isRight: true, hasEnded: true });
    expect(() => here.tryLoan(1)).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    // The other direction goes on, with its releases.
    const sending = there.call('send', [20, 3 * MIB, 0]);
    for (const length of [20, 3 * MIB, 0]) {
      using delivery = await here.receive();
      expect(delivery?.byteLength).toBe(length);
    }
    expect(await sending).toEqual(['sent']);
    await there.call('flush');
    expect(here.ended).toBe(false);
    await there.call('finish');
    expect(await here.receive()).toBe(undefined);
    expect(here.ended).toBe(true);
    await there.call('close');
  });

  test('that the other side has closed gives what had come, and then its end', async () => {
    const { here, there } = await withProcess(place(), role);
    await there.call('send', [1, 2, 300_000]);
    // What it has not received is given up.
    expect(await here.send(Buffer.alloc(5))).toBe('sent');
    await there.call('close');
    for (const length of [1, 2, 300_000]) {
      using delivery = await here.receive();
      expect(delivery?.byteLength).toBe(length);
    }
    expect(await here.receive()).toBe(undefined);
    expect(await here.send(Buffer.alloc(5))).toBe('no-receiver');
    await expect(here.request(Buffer.alloc(5))).rejects.toMatchObject({ code: 'PEER_DIED' });
    expect(here.stats().bytesOut).toBe(0);
  });

  test('that dies in the middle of a message gives what had come whole, and says so', async () => {
    const { here, there } = await withProcess(place(), role, { poolBytes: 64 * MIB });
    await there.call('send', [1, 2]);
    void there.call('send', [32 * MIB]);
    // This side is in the middle of one, too.
    expect((await here.loan(32 * MIB)).trySend()).toBe('sent');
    const flushed = here.flush();
    const asking = here.request(Buffer.from('anybody?'));
    asking.catch(() => undefined);
    while (here.peek() === undefined) await new Promise(setImmediate);
    for (const length of [1, 2]) {
      using delivery = await here.receive();
      expect(delivery?.byteLength).toBe(length);
    }
    while (here.peek() === undefined) await new Promise(setImmediate);
    expect(here.peek()).toMatchObject({ byteLength: 32 * MIB, sequence: 2 });
    await there.kill();
    for (let time = 0; time < 2; time++) {
      await expect(here.receive()).rejects.toMatchObject({
        code: 'PEER_DIED',
        message: expect.stringContaining('in the middle of a message'),
      });
    }
    await expect(asking).rejects.toMatchObject({ code: 'PEER_DIED' });
    await flushed;
    expect(await here.send(Buffer.alloc(1))).toBe('no-receiver');
    expect(here.stats()).toMatchObject({ bytesOut: 0, requestsOpen: 0 });
  });

  const TINY = { poolBytes: 16 * KIB, maxBorrowedBytes: 16 * KIB };

  test('takes floods from both sides through tiny pools', async () => {
    const { here, there } = await withProcess(place(), role, TINY);
    const lengths = Array.from({ length: 1500 }, (_, number) => (number % 50) * 700);
    const theirs = there.call<Report>('receive', lengths.length);
    const sending = there.call('send', lengths);
    const ours = (async () => {
      for (const [number, length] of lengths.entries()) {
        await here.send(Buffer.alloc(length, number));
      }
    })();
    for (const [number, length] of lengths.entries()) {
      using delivery = await here.receive();
      expect(delivery).toMatchObject({ byteLength: length, sequence: number });
    }
    await ours;
    expect(await sending).toEqual(['sent']);
    expect(await theirs).toEqual({ lengths, isRight: true, hasEnded: false });
  });

  test.each([
    ['a few in tiny pools', 4 * KIB, TINY],
    ['as many as may be under way', 1, {}],
    ['more than the window takes', 300 * KIB, { poolBytes: 8 * MIB }],
  ])(
    'gives back what one side receives while nobody receives on the other: %s',
    async (_, length, options) => {
      const { here, there } = await withProcess(place(), role, options);
      let sent = 0;
      for (let loan = here.tryLoan(length); loan; loan = here.tryLoan(length)) {
        loan.bytes.fill(sent);
        if (loan.trySend() !== 'sent') {
          loan.release();
          break;
        }
        sent++;
      }
      const theirs = await there.call<number>('fill', length);
      expect(theirs).toBe(sent);
      // All that this side can send waits at the other one, which receives nothing; its own comes, and goes back.
      for (let number = 0; number < theirs; number++) {
        using delivery = await here.receive();
        expect(Buffer.alloc(length, number).equals(delivery?.bytes as Uint8Array)).toBe(true);
      }
      await there.call('flush');
      expect(here.stats()).toMatchObject({ bytesOut: sent * length });
      const lengths = Array(sent).fill(length);
      expect(await there.call('receive', sent)).toEqual({
        lengths,
        isRight: true,
        hasEnded: false,
      });
      await here.flush();
      expect(here.stats().bytesOut).toBe(0);
    },
  );

  test('does not bring all of a message into memory that moves on to a descriptor', async () => {
    const { here, there } = await withProcess(place(), role);
    const length = 96 * MIB;
    const sending = there.call('send', [length]);
    const fd = openSync('/dev/null', 'w');
    place().defer(() => closeSync(fd));
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    let isMoving = true;
    const watching = (async () => {
      while (isMoving) {
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
        await new Promise(setImmediate);
      }
    })();
    expect(await here.spliceTo(fd)).toMatchObject({ byteLength: length, method: 'read-write' });
    isMoving = false;
    await watching;
    expect(most).toBeLessThan(48 * MIB);
    await sending;
  });

  test('does not keep a process alive that wants to end', async () => {
    const { there } = await withProcess(place(), role);
    await there.call('unref');
    expect(await there.ended()).toBe(0);
  });
});
