import { readdirSync } from 'node:fs';
import {
  EAGAIN,
  EBADF,
  EEXIST,
  EINVAL,
  EPERM,
  O_NONBLOCK,
  POLLIN,
  POLLOUT,
  SOCK_STREAM,
} from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { writeText } from './support/bytes.js';
import { turns, until } from './support/event-loop.js';
import { useResources } from './support/resources.js';
import { useWatchers } from './support/watchers.js';

/** Watchers as objects, and eventfd. */
export function describeWatchers({ calls }: SuiteContext): void {
  describe('watchers', () => {
    const resources = useResources(calls);
    const { watch, firstEvent } = useWatchers(calls);

    test('update changes what is watched', async () => {
      const [first, second] = resources.socketPair(SOCK_STREAM);
      const seen: number[] = [];
      const watcher = watch(first, POLLIN, (_, revents) => {
        seen.push(revents);
      });
      expect(watcher.update(POLLOUT)).toBe(0);
      writeText(calls, second, 'x');
      await until(() => seen.length > 0);
      expect(seen.every((revents) => revents === POLLOUT)).toBe(true);
    });

    test('update(0) pauses, and a later update goes on', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      let count = 0;
      const watcher = watch(readEnd, POLLIN, () => {
        count++;
      });
      writeText(calls, writeEnd, 'x');
      expect(watcher.update(0)).toBe(0);
      await turns(5);
      expect(count).toBe(0);
      expect(watcher.update(POLLIN)).toBe(0);
      await until(() => count > 0);
    });

    test('a watcher can begin paused', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      let count = 0;
      const watcher = watch(readEnd, 0, () => {
        count++;
      });
      writeText(calls, writeEnd, 'x');
      await turns(5);
      expect(count).toBe(0);
      expect(watcher.update(POLLIN)).toBe(0);
      await until(() => count > 0);
    });

    test('a watcher that closes itself in its callback is not called again', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      let count = 0;
      const watcher = watch(readEnd, POLLIN, () => {
        count++;
        watcher.close();
        watcher.close();
      });
      writeText(calls, writeEnd, 'x');
      await until(() => count > 0);
      await turns(5);
      expect(count).toBe(1);
    });

    test('a watcher that another callback closes is not called, ready or not', async () => {
      const pipes = [resources.pipe(), resources.pipe()] as const;
      const called: number[] = [];
      const both = pipes.map(([readEnd], index) =>
        watch(readEnd, POLLIN, () => {
          called.push(index);
          for (const watcher of both) watcher.close();
        }),
      );
      for (const [, writeEnd] of pipes) writeText(calls, writeEnd, 'x');
      await until(() => called.length > 0);
      await turns(5);
      expect(called).toHaveLength(1);
    });

    test('a closed watcher answers EBADF to an update, and takes the rest in peace', () => {
      const watcher = watch(resources.pipe()[0], POLLIN, () => {});
      watcher.close();
      expect(watcher.update(POLLIN)).toBe(-EBADF);
      watcher.ref();
      watcher.unref();
      watcher.close();
    });

    test('a descriptor has one watcher at a time, paused or not', () => {
      const [readEnd] = resources.pipe();
      const first = watch(readEnd, POLLIN, () => {});
      expect(calls.watch(readEnd, POLLIN, () => {})).toBe(-EEXIST);
      first.update(0);
      expect(calls.watch(readEnd, POLLIN, () => {})).toBe(-EEXIST);
    });

    test('a descriptor can be watched anew as soon as its watcher is closed', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      watch(readEnd, POLLIN, () => {}).close();
      const event = firstEvent(readEnd, POLLIN);
      writeText(calls, writeEnd, 'x');
      expect((await event).revents).toBe(POLLIN);
    });

    test('a number that is used again for another file is a fresh start', async () => {
      const [oldEnd] = resources.pipe();
      watch(oldEnd, POLLIN, () => {}).close();
      resources.close(oldEnd);
      const [readEnd, writeEnd] = resources.pipe();
      expect(readEnd).toBe(oldEnd);
      const event = firstEvent(readEnd, POLLIN);
      writeText(calls, writeEnd, 'x');
      expect((await event).revents).toBe(POLLIN);
    });

    test('a duplicate of a watched descriptor can be watched as well', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      const duplicate = resources.own(calls.duplicate(readEnd, 0));
      const events = Promise.all([firstEvent(readEnd, POLLIN), firstEvent(duplicate, POLLIN)]);
      writeText(calls, writeEnd, 'x');
      expect((await events).map((event) => event.revents)).toEqual([POLLIN, POLLIN]);
    });

    test('a regular file answers EPERM, a closed descriptor EBADF', () => {
      expect(calls.watch(resources.memory(16), POLLIN, () => {})).toBe(-EPERM);
      expect(calls.watch(99_999, POLLIN, () => {})).toBe(-EBADF);
      expect(calls.watch(-1, POLLIN, () => {})).toBe(-EBADF);
    });

    test('one that owns its descriptor has no second one, and closes it with itself', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      const owned = calls.duplicate(readEnd, 0);
      const seen: number[] = [];
      const open = () => readdirSync('/proc/self/fd').length;
      const first = firstEvent(writeEnd, POLLOUT);
      const before = open();
      const watcher = calls.watch(owned, POLLIN, (_, revents) => seen.push(revents), true);
      if (typeof watcher === 'number') throw new Error(`watch answered ${watcher}`);
      expect(open()).toBe(before);
      await first;
      writeText(calls, writeEnd, 'x');
      await until(() => seen.length > 0);
      watcher.close();
      expect(calls.getStatusFlags(owned)).toBe(-EBADF);
      watcher.close();
      expect(seen.every((revents) => revents === POLLIN)).toBe(true);
    });

    test('a descriptor that was to be owned, and cannot be watched, stays the caller’s', () => {
      const file = resources.memory(16);
      expect(calls.watch(file, POLLIN, () => {}, true)).toBe(-EPERM);
      expect(calls.getStatusFlags(file)).toBeGreaterThanOrEqual(0);
      const [readEnd] = resources.pipe();
      watch(readEnd, POLLIN, () => {});
      expect(calls.watch(readEnd, POLLIN, () => {}, true)).toBe(-EEXIST);
      expect(calls.getStatusFlags(readEnd)).toBeGreaterThanOrEqual(0);
    });

    test('watching does not change whether the descriptor blocks', () => {
      const [blocking] = resources.pipe();
      const [nonBlocking] = resources.pipe(O_NONBLOCK);
      watch(blocking, POLLIN, () => {});
      watch(nonBlocking, POLLIN, () => {});
      expect(calls.getStatusFlags(blocking) & O_NONBLOCK).toBe(0);
      expect(calls.getStatusFlags(nonBlocking) & O_NONBLOCK).toBe(O_NONBLOCK);
    });

    test('200 descriptors are watched at once, and each callback gets its own', async () => {
      const counters = Array.from({ length: 200 }, () =>
        resources.own(calls.eventfd(0, O_NONBLOCK)),
      );
      const told = new Array<number>(counters.length).fill(0);
      counters.forEach((fd, index) => {
        const watcher = watch(fd, POLLIN, () => {
          told[index] = (told[index] ?? 0) + 1;
          watcher.close();
        });
      });
      const one = new Uint8Array(BigUint64Array.of(1n).buffer);
      for (const fd of counters.filter((_, index) => index % 2 === 0)) calls.write(fd, one, 0, 8);
      await until(() => told.filter((count) => count > 0).length >= 100);
      await turns(3);
      expect(told).toEqual(counters.map((_, index) => (index % 2 === 0 ? 1 : 0)));
    });
  });

  describe('eventfd', () => {
    const resources = useResources(calls);
    const read = (fd: number): bigint | number => {
      const value = new BigUint64Array(1);
      const result = calls.read(fd, new Uint8Array(value.buffer), 0, 8);
      return result === 8 ? (value[0] ?? 0n) : result;
    };

    test('an eventfd starts at its value, adds up what is written, and is reset by a read', () => {
      const fd = resources.own(calls.eventfd(3, O_NONBLOCK));
      calls.write(fd, new Uint8Array(BigUint64Array.of(4n).buffer), 0, 8);
      expect(read(fd)).toBe(7n);
      expect(read(fd)).toBe(-EAGAIN);
    });

    test('an eventfd takes every value of 32 bits, and no other', () => {
      expect(read(resources.own(calls.eventfd(2 ** 32 - 1, O_NONBLOCK)))).toBe(4294967295n);
      expect(calls.eventfd(2 ** 32, 0)).toBe(-EINVAL);
      expect(calls.eventfd(-1, 0)).toBe(-EINVAL);
    });
  });
}
