import { openSync } from 'node:fs';
import { Doorbell } from '@pageferry/connection';
import {
  EAGAIN,
  ENOSYS,
  EOPNOTSUPP,
  EPERM,
  OwnedFd,
  POLLIN,
  pollNow,
  RWF_NOWAIT,
} from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { Child, expectNothingLeft } from '@pageferry/testkit';
import { FALSE_BELLS } from '@pageferry/testkit/false-bells';
import { describe, expect, test } from 'vitest';

const calls = loadLinuxCalls();
const PROGRAM = new URL('./peers/bell-thief.mjs', import.meta.url);

/** Whether the kernel can be asked to read an eventfd, and not to wait. */
function canReadNow(): boolean {
  using fd = new OwnedFd(calls, calls.eventfd(0, 0));
  return calls.preadv2(fd.fd, new Uint8Array(8), 0, 8, RWF_NOWAIT) === -EAGAIN;
}

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

  test.runIf(canReadNow())(
    'that the peer shares is read by no call that could wait (Linux 5.8)',
    () => {
      using bell = Doorbell.create({
        ...calls,
        read: () => {
          throw new Error('this could wait');
        },
      });
      bell.ring();
      bell.drain();
      expect(pollNow(calls, bell.fd.fd, POLLIN)).toBe(0);
      bell.drain();
    },
  );

  test.each([
    ['the kernel has not for eventfds', EOPNOTSUPP],
    ['there is not', ENOSYS],
    ['a filter forbids', EPERM],
  ])(
    'that the peer has drained and made blocking lets nobody wait without a call that %s',
    (_, errno) => {
      const reads: number[] = [];
      const watched = {
        ...calls,
        preadv2: () => -errno,
        read: (...words: Parameters<typeof calls.read>) => reads.push(words[0]),
      };
      using bell = Doorbell.create(watched);
      calls.setStatusFlags(bell.fd.fd, 0);
      bell.drain();
      expect(reads).toEqual([]);
      bell.ring();
      bell.drain();
      expect(reads).toEqual([bell.fd.fd]);
    },
  );

  // The test hangs where the thief has its way, and its time limit ends the program.
  test.runIf(canReadNow())(
    'that is drained between the look and the read lets nobody wait (Linux 5.8)',
    async () => {
      await using victim = new Child(PROGRAM);
      expect(await victim.message()).toBe(100_000);
      expect(await victim.exit).toBe(0);
    },
  );

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
