import {
  type DescriptorWatcher,
  EAGAIN,
  EBADF,
  EEXIST,
  EINVAL,
  EPERM,
  O_NONBLOCK,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  SHUT_WR,
  SOCK_STREAM,
  type WatchCallback,
} from '@pageferry/linux';
import { afterEach, describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { fill, readBytes, writeText } from './support/bytes.js';
import { turns, until } from './support/event-loop.js';
import { useResources } from './support/resources.js';

/** watch: readiness on the event loop. */
export function describeWatching({ calls }: SuiteContext): void {
  describe('watching', () => {
    const watchers = new Set<DescriptorWatcher>();
    // Runs after the hook below, which is registered later: watchers end before their descriptors.
    const resources = useResources(calls);
    afterEach(() => {
      for (const watcher of watchers) watcher.close();
      watchers.clear();
    });

    const watch = (fd: number, events: number, callback: WatchCallback): DescriptorWatcher => {
      const watcher = calls.watch(fd, events, callback);
      if (typeof watcher === 'number') throw new Error(`watch answered ${watcher}`);
      watchers.add(watcher);
      return watcher;
    };

    /** The first event of a fresh watcher, which is closed then. */
    const firstEvent = (fd: number, events: number): Promise<{ error: number; revents: number }> =>
      new Promise((resolve) => {
        const watcher = watch(fd, events, (error, revents) => {
          watcher.close();
          resolve({ error, revents });
        });
      });

    test('bytes that arrive are told as POLLIN', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      const event = firstEvent(readEnd, POLLIN);
      writeText(calls, writeEnd, 'x');
      expect(await event).toEqual({ error: 0, revents: POLLIN });
    });

    test('bytes that were there before are told too', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      writeText(calls, writeEnd, 'x');
      expect(await firstEvent(readEnd, POLLIN)).toEqual({ error: 0, revents: POLLIN });
    });

    test('room in a pipe that was full is told as POLLOUT', async () => {
      const [readEnd, writeEnd] = resources.pipe(O_NONBLOCK);
      const size = fill(calls, writeEnd);
      let told = 0;
      watch(writeEnd, POLLOUT, (_, revents) => {
        told = revents;
      });
      await turns(3);
      expect(told).toBe(0);
      expect(readBytes(calls, readEnd, size)).toHaveLength(size);
      await until(() => told !== 0);
      expect(told).toBe(POLLOUT);
    });

    test('only the events that were asked for are told', async () => {
      const [first, second] = resources.socketPair(SOCK_STREAM);
      writeText(calls, second, 'x');
      expect(await firstEvent(first, POLLIN)).toEqual({ error: 0, revents: POLLIN });
      expect(await firstEvent(first, POLLOUT)).toEqual({ error: 0, revents: POLLOUT });
      expect(await firstEvent(first, POLLIN | POLLOUT)).toEqual({
        error: 0,
        revents: POLLIN | POLLOUT,
      });
    });

    test('a writer that hangs up is told, and reading says that it is the end', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      const event = firstEvent(readEnd, POLLIN);
      resources.close(writeEnd);
      const { error, revents } = await event;
      expect(error).toBe(0);
      expect(revents & (POLLIN | POLLHUP)).not.toBe(0);
      expect(readBytes(calls, readEnd, 1)).toEqual(new Uint8Array(0));
    });

    test('a reader that hangs up is told to a writer that waits for room', async () => {
      const [readEnd, writeEnd] = resources.pipe(O_NONBLOCK);
      fill(calls, writeEnd);
      const event = firstEvent(writeEnd, POLLOUT);
      resources.close(readEnd);
      const { error, revents } = await event;
      expect(error).toBe(0);
      expect(revents & POLLERR).toBe(POLLERR);
    });

    test('a reader that is gone is told again and again until the watcher is closed', async () => {
      const [readEnd, writeEnd] = resources.pipe(O_NONBLOCK);
      resources.close(readEnd);
      const seen: number[] = [];
      const watcher = watch(writeEnd, POLLOUT, (_, revents) => {
        seen.push(revents & POLLERR);
      });
      await until(() => seen.length >= 3);
      watcher.close();
      expect(seen.every((revents) => revents === POLLERR)).toBe(true);
    });

    test('a socket whose peer writes no more is told as POLLRDHUP', async () => {
      const [first, second] = resources.socketPair(SOCK_STREAM);
      const event = firstEvent(first, POLLRDHUP);
      calls.shutdown(second, SHUT_WR);
      const { error, revents } = await event;
      expect(error).toBe(0);
      expect(revents & POLLRDHUP).toBe(POLLRDHUP);
    });

    test('a socket whose peer is gone is told even if only bytes were asked for', async () => {
      const [first, second] = resources.socketPair(SOCK_STREAM);
      const event = firstEvent(first, POLLIN);
      resources.close(second);
      expect((await event).error).toBe(0);
      expect(readBytes(calls, first, 1)).toEqual(new Uint8Array(0));
    });

    test('the callback comes again and again until the bytes are read', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      let count = 0;
      watch(readEnd, POLLIN, () => {
        count++;
      });
      writeText(calls, writeEnd, 'x');
      await until(() => count >= 3);
      readBytes(calls, readEnd, 1);
      await turns(1);
      const settled = count;
      await turns(5);
      expect(count).toBe(settled);
    });

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
