import { openSync } from 'node:fs';
import { Doorbell } from '@pageferry/connection';
import { OwnedFd } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft } from '@pageferry/testkit';
import { FALSE_BELLS } from '@pageferry/testkit/false-bells';
import { describe, expect, test } from 'vitest';

const calls = loadLinuxCalls();

describe('a doorbell', () => {
  expectNothingLeft();

  test('wakes whoever listens, once for any number of rings before', async () => {
    using bell = Doorbell.create(calls);
    bell.ring();
    bell.ring();
    let rings = 0;
    await new Promise<void>((resolve) => {
      bell.listen(() => {
        rings++;
        resolve();
      });
    });
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(rings).toBe(1);
  });

  test('wakes again for a ring that comes while it wakes', async () => {
    using bell = Doorbell.create(calls);
    let rings = 0;
    bell.ring();
    await new Promise<void>((resolve) => {
      bell.listen(() => {
        if (++rings < 3) bell.ring();
        else resolve();
      });
    });
    expect(rings).toBe(3);
  });

  test('is rung through a duplicate of its descriptor', async () => {
    using bell = Doorbell.create(calls);
    using button = new Doorbell(calls, bell.fd.duplicate());
    const rung = new Promise<void>((resolve) => bell.listen(resolve));
    button.ring();
    await rung;
  });

  test('that was rung as often as it can count lets nobody wait', () => {
    using bell = Doorbell.create(calls);
    const most = new Uint8Array(new BigUint64Array([0xfffffffffffffffen]).buffer);
    expect(calls.write(bell.fd.fd, most, 0, 8)).toBe(8);
    bell.ring();
  });

  test('that the peer has drained and made blocking lets nobody wait', () => {
    const reads: number[] = [];
    const watched = {
      ...calls,
      read: (...words: Parameters<typeof calls.read>) => reads.push(words[0]),
    };
    using bell = Doorbell.create(watched);
    calls.setStatusFlags(bell.fd.fd, 0);
    bell.drain();
    expect(reads).toEqual([]);
    bell.ring();
    bell.drain();
    expect(reads).toEqual([bell.fd.fd]);
  });

  test('is silent once it is closed, and may be closed again', async () => {
    const bell = Doorbell.create(calls);
    let rings = 0;
    bell.listen(() => rings++);
    bell.ring();
    bell.close();
    bell.close();
    await new Promise(setImmediate);
    expect(rings).toBe(0);
  });

  test('cannot listen to a descriptor that cannot be watched', () => {
    using bell = new Doorbell(calls, new OwnedFd(calls, openSync('/proc/self/exe', 'r')));
    expect(() => bell.listen(() => undefined)).toThrow(
      expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', errnoName: 'EPERM' }),
    );
  });

  test('is taken from a peer as what it is', () => {
    using bell = Doorbell.create(calls);
    using fromPeer = Doorbell.fromPeer(calls, bell.fd.duplicate());
    fromPeer.ring();
    bell.drain();
  });

  test.each(Object.entries(FALSE_BELLS))('is not %s (11.14)', (_, open) => {
    const number = open(calls);
    expect(number).toBeGreaterThan(2);
    using fd = new OwnedFd(calls, number);
    expect(() => Doorbell.fromPeer(calls, fd)).toThrow(
      expect.objectContaining({ code: 'PEER_MISBEHAVED' }),
    );
  });
});
