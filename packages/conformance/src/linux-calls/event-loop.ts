import { AsyncLocalStorage } from 'node:async_hooks';
import { closeSync } from 'node:fs';
import {
  type DescriptorWatcher,
  EBADF,
  EINVAL,
  ENOMEM,
  EPIPE,
  MAP_ANONYMOUS,
  MAP_NORESERVE,
  MAP_PRIVATE,
  O_NONBLOCK,
  POLLIN,
  POLLOUT,
  PROT_READ,
  PROT_WRITE,
  type WatchCallback,
} from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { turns } from './support/event-loop.js';

/** Callbacks and calls on other threads beside everything else that is on the event loop. */
export function describeEventLoop({ calls }: SuiteContext): void {
  function makePipe(flags = 0): readonly [readEnd: number, writeEnd: number] {
    const ends = new Int32Array(2);
    expect(calls.pipe2(ends, flags)).toBe(0);
    return [ends[0] ?? -1, ends[1] ?? -1];
  }

  function watch(fd: number, callback: WatchCallback): DescriptorWatcher {
    const watcher = calls.watch(fd, POLLIN, callback);
    if (typeof watcher === 'number') throw new Error(`watch answered ${watcher}`);
    return watcher;
  }

  describe('a callback of a watcher', () => {
    test('is followed by its microtasks before the next callback comes', async () => {
      const order: string[] = [];
      const fds = [calls.eventfd(1, 0), calls.eventfd(1, 0)];
      const watchers = fds.map((fd) =>
        watch(fd, () => {
          order.push('callback');
          queueMicrotask(() => order.push('microtask'));
          process.nextTick(() => order.push('tick'));
        }),
      );
      while (order.length < 6) await turns(1);
      for (const watcher of watchers) watcher.close();
      for (const fd of fds) calls.close(fd);
      expect(order.slice(0, 6)).toEqual([
        'callback',
        'tick',
        'microtask',
        'callback',
        'tick',
        'microtask',
      ]);
    });

    test('runs in the asynchronous context in which the watcher was made', async () => {
      const storage = new AsyncLocalStorage<string>();
      const fd = calls.eventfd(1, 0);
      const seen = await storage.run('where it was made', () => {
        return new Promise((resolve) => {
          const watcher = watch(fd, () => {
            watcher.close();
            resolve(storage.getStore());
          });
        });
      });
      expect(seen).toBe('where it was made');
      calls.close(fd);
    });
  });

  describe('a descriptor that is closed before its watcher', () => {
    test('takes the watcher along, and its number is free to be watched', async () => {
      const [readEnd, writeEnd] = makePipe();
      const watcher = watch(readEnd, () => {
        throw new Error('a closed watcher was called');
      });
      expect(calls.close(readEnd)).toBe(0);
      expect(watcher.update(POLLIN)).toBe(-EBADF);

      const reused = calls.eventfd(1, 0);
      expect(reused).toBe(readEnd);
      const revents = await new Promise((resolve) => {
        const next = watch(reused, (_, events) => {
          next.close();
          resolve(events);
        });
      });
      watcher.close();
      expect(revents).toBe(POLLIN);
      calls.close(reused);
      calls.close(writeEnd);
    });

    test('stays watched if somebody else closes it, and nothing aborts', async () => {
      const [readEnd, writeEnd] = makePipe();
      let count = 0;
      const watcher = watch(readEnd, () => {
        count++;
      });
      closeSync(readEnd);
      await turns(1);
      expect(watcher.update(POLLIN | POLLOUT)).toBe(0);
      expect(calls.write(writeEnd, Uint8Array.of(1), 0, 1)).toBe(1);
      while (count === 0) await turns(1);
      watcher.close();
      expect(calls.write(writeEnd, Uint8Array.of(1), 0, 1)).toBe(-EPIPE);
      calls.close(writeEnd);
    });
  });

  describe('a mapping whose bytes a call on another thread is writing', () => {
    test('is detached by munmap at once, and unmapped when the call has ended', async () => {
      const page = calls.pageSize();
      const [readEnd, writeEnd] = makePipe(O_NONBLOCK);
      const size = calls.getPipeSize(writeEnd);
      expect(calls.write(writeEnd, new Uint8Array(size), 0, size)).toBe(size);
      calls.setStatusFlags(writeEnd, 0);

      const flags = MAP_PRIVATE | MAP_ANONYMOUS;
      const buffer = calls.mmap(page, PROT_READ | PROT_WRITE, flags, -1, 0) as ArrayBuffer;
      const bytes = new Uint8Array(buffer).fill(42);
      const address = calls.addressOf(buffer);
      const written = calls.writeOnThread(writeEnd, bytes, 16, 100);
      expect(calls.munmap(buffer)).toBe(0);
      expect(bytes.length).toBe(0);
      expect(calls.munmap(buffer)).toBe(-EINVAL);

      // Were the address free, this would be where the kernel puts the next mapping of that size.
      const next = calls.mmap(page, PROT_READ | PROT_WRITE, flags, -1, 0) as ArrayBuffer;
      expect(calls.addressOf(next)).not.toBe(address);

      expect(calls.read(readEnd, new Uint8Array(size), 0, size)).toBe(size);
      expect(await written).toBe(100);
      const arrived = new Uint8Array(200);
      expect(calls.read(readEnd, arrived, 0, 200)).toBe(100);
      expect(arrived.subarray(0, 100)).toEqual(new Uint8Array(100).fill(42));

      const last = calls.mmap(page, PROT_READ | PROT_WRITE, flags, -1, 0) as ArrayBuffer;
      expect(calls.addressOf(last)).toBe(address);
      for (const mapping of [next, last]) expect(calls.munmap(mapping)).toBe(0);
      for (const fd of [readEnd, writeEnd]) expect(calls.close(fd)).toBe(0);
    });
  });

  describe('a mapping that is larger than the engine takes', () => {
    test('is refused with an errno and not left behind, or given in full', () => {
      const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
      const buffer = calls.mmap(2 ** 33, PROT_READ, flags, -1, 0);
      if (typeof buffer === 'number') {
        expect(buffer).toBe(-ENOMEM);
      } else {
        expect(buffer.byteLength).toBe(2 ** 33);
        expect(calls.munmap(buffer)).toBe(0);
      }
    });
  });
}
