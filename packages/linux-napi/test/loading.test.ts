import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { type LinuxCalls, MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { findAddon } from '../dist/addon/find-addon.js';

const folder = mkdtempSync(join(tmpdir(), 'pageferry-linux-napi-'));
const addon = findAddon() ?? '';

/** A second copy of the addon, with its own code and data in this process. */
function loadCopy(name: string): LinuxCalls {
  const copy = join(folder, name);
  copyFileSync(addon, copy);
  vi.stubEnv('PAGEFERRY_LINUX_NAPI_ADDON', copy);
  return loadLinuxCalls();
}

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('loading', () => {
  test('the same object comes back every time', () => {
    const calls = loadLinuxCalls();
    expect(calls.binding).toBe('napi');
    expect(loadLinuxCalls()).toBe(calls);
  });

  test('the environment names another addon, by a path that may be relative', () => {
    const copy = loadCopy('named.node');
    vi.stubEnv('PAGEFERRY_LINUX_NAPI_ADDON', relative(process.cwd(), join(folder, 'named.node')));
    expect(loadLinuxCalls()).toBe(copy);
    vi.unstubAllEnvs();
    expect(loadLinuxCalls()).not.toBe(copy);
  });

  test('a system that is not Linux is told what to use instead', () => {
    vi.stubGlobal(
      'process',
      new Proxy(process, {
        get: (target, key) => (key === 'platform' ? 'darwin' : Reflect.get(target, key)),
      }),
    );
    expect(loadLinuxCalls).toThrow(
      expect.objectContaining({
        code: 'BINDING_UNAVAILABLE',
        message: expect.stringContaining('socket transport'),
      }),
    );
  });
});

describe('two copies of the addon in one process', () => {
  const first = loadLinuxCalls();
  const second = loadCopy('second.node');
  const map = (calls: LinuxCalls): ArrayBuffer => {
    const buffer = calls.mmap(4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (typeof buffer === 'number') throw new Error(`mmap answered ${buffer}`);
    return buffer;
  };

  test('each owns the mappings that it made, and no others', () => {
    for (let isSuccessor = false; !isSuccessor; ) {
      const buffer = map(first);
      expect(second.munmap(buffer)).toBe(-22);
      expect(buffer.byteLength).toBe(4096);
      const address = first.addressOf(buffer);
      expect(first.munmap(buffer)).toBe(0);

      // Mostly it comes to the same address, unless another thread has taken that.
      const successor = map(second);
      isSuccessor = second.addressOf(successor) === address;
      expect(first.munmap(successor)).toBe(-22);
      expect(second.munmap(successor)).toBe(0);
    }
  });

  test('each has its watchers, and both see what is ready', async () => {
    const fd = first.eventfd(1, 0);
    const duplicate = second.duplicate(fd, 0);
    const ready = (calls: LinuxCalls, watched: number): Promise<number> =>
      new Promise((resolve) => {
        const watcher = calls.watch(watched, 1, (_, revents) => {
          if (typeof watcher === 'object') watcher.close();
          resolve(revents);
        });
      });
    expect(await Promise.all([ready(first, fd), ready(second, duplicate)])).toEqual([1, 1]);
    expect([first.close(fd), second.close(duplicate)]).toEqual([0, 0]);
  });
});
