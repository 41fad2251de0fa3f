import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import {
  type DescriptorWatcher,
  EBADF,
  EINVAL,
  ENOENT,
  ENOMEM,
  MAP_ANONYMOUS,
  MAP_NORESERVE,
  MAP_PRIVATE,
  O_NONBLOCK,
  POLLIN,
  PROT_READ,
  PROT_WRITE,
  SEEK_CUR,
  SEEK_SET,
} from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-ffi';
import koffi from 'koffi';
import { describe, expect, test } from 'vitest';

const calls = loadLinuxCalls();
const anonymous = MAP_PRIVATE | MAP_ANONYMOUS;

function map(byteLength = calls.pageSize()): ArrayBuffer {
  const buffer = calls.mmap(byteLength, PROT_READ | PROT_WRITE, anonymous, -1, 0);
  if (typeof buffer === 'number') throw new Error(`mmap answered ${buffer}`);
  return buffer;
}

function countThreads(): number {
  return readdirSync('/proc/self/task').length;
}

/** What koffi 3 does that a binding has to know of. */
describe("koffi's traps", () => {
  test('errno is that of the call itself, whatever else fails before and after', async () => {
    for (let round = 0; round < 1000; round++) {
      expect(calls.close(-1)).toBe(-EBADF);
      expect(calls.connectUnix(calls.pageSize() + 10_000, '/nowhere')).toBe(-EBADF);
      expect(calls.mmap(1, PROT_READ, anonymous, -1, 1)).toBe(-EINVAL);
      if (round % 100 === 0) await expect(readFile('/nowhere')).rejects.toThrow('ENOENT');
    }
  });

  test('a call on another thread has an errno of its own', async () => {
    const ends = new Int32Array(2);
    calls.pipe2(ends, O_NONBLOCK);
    const [readEnd = -1, writeEnd = -1] = ends;
    const results = Array.from({ length: 300 }, (_, index) =>
      index % 2 === 0
        ? calls.spliceOnThread(-1, writeEnd, 1, 0)
        : calls.spliceOnThread(readEnd, writeEnd, 1, 0),
    );
    // Sets the errno of this thread, which is where koffi shows that of the other.
    koffi.errno(ENOENT);
    const expected = results.map((_, index) => (index % 2 === 0 ? -EBADF : -EINVAL));
    expect(await Promise.all(results)).toEqual(expected);
    for (const fd of ends) calls.close(fd);
  });

  test('it has no ssize_t: what is negative stays so, and what is large is exact', () => {
    const file = calls.memfdCreate('pageferry-test', 0);
    const far = 2 ** 52 + 1;
    expect(calls.read(-1, new Uint8Array(1), 0, 1)).toBe(-EBADF);
    expect(calls.lseek(file, far, SEEK_SET)).toBe(far);
    expect(calls.lseek(file, 0, SEEK_CUR)).toBe(far);
    expect(calls.lseek(file, -1, SEEK_SET)).toBe(-EINVAL);
    expect(calls.lseek(-1, 0, SEEK_SET)).toBe(-EBADF);
    calls.close(file);
  });

  test('MAP_FAILED is a large address to it, and an errno to us', () => {
    expect(calls.mmap(4096, PROT_READ, anonymous, -1, 1)).toBe(-EINVAL);
    expect(calls.mmap(2 ** 52, PROT_READ, anonymous, -1, 0)).toBe(-ENOMEM);
  });

  test('a view that is larger than the engine takes would end the process, and is refused', () => {
    const buffer = calls.mmap(2 ** 33, PROT_READ, anonymous | MAP_NORESERVE, -1, 0);
    if (typeof buffer === 'number') expect(buffer).toBe(-ENOMEM);
    else expect([buffer.byteLength, calls.munmap(buffer)]).toEqual([2 ** 33, 0]);
  });

  test('it takes 256 calls at once: more wait, and those of others count', async () => {
    const sleep = koffi.load(null).func('int usleep(unsigned int)');
    let started = 0;
    let ended = 0;
    const fillUp = () => {
      for (; started < 1000; started++) sleep.async(100, () => ended++);
    };
    expect(fillUp).toThrow('Too many asynchronous calls');
    expect(started).toBe(256);
    const results = Array.from({ length: 300 }, () => calls.spliceOnThread(-1, -1, 1, 0));
    expect(await Promise.all(results)).toEqual(new Array(300).fill(-EBADF));
    while (ended < started) await new Promise((resolve) => setImmediate(resolve));
  });

  test('its views own nothing: munmap takes the memory away from its own, and leaves what was shown', () => {
    const buffer = map();
    const bytes = new Uint8Array(buffer, 16, 16);
    const alias = calls.alias(buffer, 0, 16) as ArrayBuffer;
    expect(calls.munmap(buffer)).toBe(0);
    expect([buffer.byteLength, bytes.length, alias.byteLength]).toEqual([0, 0, 16]);
  });

  test('memory that a program has moved on is never unmapped under it', async () => {
    const buffer = map();
    const alias = calls.alias(buffer, 0, 16) as ArrayBuffer;
    new Uint8Array(buffer).fill(42);
    // A stream of bytes detaches what is put into it, and goes on with a buffer of its own.
    const stream = new ReadableStream({
      type: 'bytes',
      start: (controller) => controller.enqueue(new Uint8Array(alias)),
    });
    expect([alias.byteLength, calls.detach(alias)]).toEqual([0, -EINVAL]);
    expect(calls.munmapLater(buffer)).toBe(0);
    const { value } = await stream.getReader().read();
    expect(value).toEqual(new Uint8Array(16).fill(42));
  });

  test('what it cannot throw ends the process: a thread that is being terminated gets no view', () => {
    const program = new URL('./programs/terminated-view.js', import.meta.url);
    const { status, signal } = spawnSync(process.execPath, [fileURLToPath(program)]);
    expect([status, signal]).toEqual([7, null]);
  });

  test('waiting needs none of its undocumented poll, no thread, and no place in the pool', async () => {
    // What Node starts once is there before.
    await readFile('/proc/self/stat');
    const threads = countThreads();
    const counters = Array.from({ length: 200 }, () => calls.eventfd(0, O_NONBLOCK));
    const watchers = counters.map((fd) => calls.watch(fd, POLLIN, () => {}) as DescriptorWatcher);
    await new Promise((resolve) => setImmediate(resolve));
    expect(countThreads()).toBe(threads);
    // Four threads are in the pool: a waiter in one of them would show.
    const files = await Promise.all(Array.from({ length: 8 }, () => readFile('/proc/self/stat')));
    expect(files).toHaveLength(8);
    for (const watcher of watchers) watcher.close();
    for (const fd of counters) calls.close(fd);
  });
});

describe('the epoll instance behind the watchers', () => {
  const countDescriptors = (): number => readdirSync('/proc/self/fd').length;
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  };

  test('is there while something is watched, and gone afterwards', async () => {
    const fd = calls.eventfd(0, O_NONBLOCK);
    await turns();
    const before = countDescriptors();
    for (let round = 0; round < 3; round++) {
      const watcher = calls.watch(fd, POLLIN, () => {}) as DescriptorWatcher;
      await turns();
      // The instance, and the watcher's duplicate.
      expect(countDescriptors()).toBe(before + 2);
      watcher.close();
      await turns();
      expect(countDescriptors()).toBe(before);
    }
    calls.close(fd);
  });

  test('is given up if nothing could be watched', async () => {
    await turns();
    const before = countDescriptors();
    expect(calls.watch(-1, POLLIN, () => {})).toBe(-EBADF);
    await turns();
    expect(countDescriptors()).toBe(before);
  });

  test('serves a watcher that is made in the very turn in which the last one was closed', async () => {
    const fd = calls.eventfd(1, O_NONBLOCK);
    for (let round = 0; round < 5; round++) {
      const revents = await new Promise((resolve) => {
        const watcher = calls.watch(fd, POLLIN, (_, events) => {
          (watcher as DescriptorWatcher).close();
          resolve(events);
        });
      });
      expect(revents).toBe(POLLIN);
    }
    calls.close(fd);
  });
});
