import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { EBADF, O_NONBLOCK } from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { fill, readBytes } from './support/bytes.js';
import { until } from './support/event-loop.js';
import { NAME_PREFIX } from './support/names.js';
import { Peer } from './support/peer.js';
import { mappedRanges, openDescriptors } from './support/process-state.js';
import { useResources } from './support/resources.js';

/** Watchers and mappings when their process, thread or last reference ends. */
export function describeLifetime({ calls, moduleUrl, collectsMappings }: SuiteContext): void {
  const run = async (program: string, scenario: string, ...nodeOptions: string[]) => {
    await using peer = Peer.start(program, { moduleUrl, scenario, nodeOptions });
    return await peer.exit;
  };

  describe('watchers at the end of a process', () => {
    test('a watcher keeps the process alive until it is closed', async () => {
      await using peer = Peer.start('watching', { moduleUrl, scenario: 'stay-until-readable' });
      expect(await peer.message()).toBe('still here');
      expect(await peer.exit).toEqual({ code: 0, signal: null, stderr: '' });
    });

    test.each([
      ['a watcher that is unreferenced lets the process end', 'unreferenced'],
      ['a watcher that is paused lets the process end', 'paused'],
      ['a process that is told to exit does so, live watchers or not', 'exit-while-watching'],
      ['a process may exit inside of a callback', 'exit-in-callback'],
    ])('%s', async (_, scenario) => {
      expect(await run('watching', scenario)).toEqual({ code: 7, signal: null, stderr: '' });
    });

    test('a callback that throws is an uncaught exception, and the watcher goes on', async () => {
      await using peer = Peer.start('watching', { moduleUrl, scenario: 'throw-and-go-on' });
      expect(await peer.message()).toEqual(['first', 'second']);
      expect(await peer.exit).toEqual({ code: 0, signal: null, stderr: '' });
    });

    test('a callback that throws ends a process that does not catch it', async () => {
      const { code, signal, stderr } = await run('watching', 'throw-uncaught');
      expect({ code, signal }).toEqual({ code: 1, signal: null });
      expect(stderr).toContain('thrown in a callback');
    });

    test('a watcher that nobody refers to any more is still called', async () => {
      const exit = await run('watching', 'forgotten', '--expose-gc');
      expect(exit).toEqual({ code: 7, signal: null, stderr: '' });
    });
  });

  describe('worker threads', () => {
    const resources = useResources(calls);

    /** Starts a worker, and waits until its scenario has been set up. */
    async function begin(scenario: string, ...descriptors: number[]) {
      const program = new URL('./peers/working.js', import.meta.url);
      const worker = new Worker(program, { workerData: { moduleUrl, scenario, descriptors } });
      // From the start: a worker may be gone as soon as its message has come.
      const exit = once(worker, 'exit');
      const [{ answer }] = await once(worker, 'message');
      return { worker, exit, answer };
    }

    async function start(scenario: string, ...descriptors: number[]): Promise<Worker> {
      return (await begin(scenario, ...descriptors)).worker;
    }

    const eventfds = (count: number): number[] =>
      Array.from({ length: count }, () => resources.own(calls.eventfd(0, O_NONBLOCK)));

    test('a worker has system calls of its own, and its own watchers', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      const worker = await start('watch-and-answer', readEnd);
      const answer = once(worker, 'message');
      calls.write(writeEnd, Uint8Array.of(42), 0, 1);
      expect((await answer)[0]).toBe(42);
      expect(await worker.terminate()).toBe(1);
    });

    test('a worker with live watchers can be terminated', async () => {
      const worker = await start('watch-all', ...eventfds(20));
      expect(await worker.terminate()).toBe(1);
    });

    test('a worker is terminated while a callback runs', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      const worker = await start('spin-in-callback', readEnd);
      const spinning = once(worker, 'message');
      calls.write(writeEnd, Uint8Array.of(1), 0, 1);
      await spinning;
      expect(await worker.terminate()).toBe(1);
    });

    test('a worker that ends by itself leaves its unreferenced watchers behind', async () => {
      const { exit } = await begin('end-while-watching', ...eventfds(20));
      expect(await exit).toEqual([0]);
    });

    test('workers come and go, one after the other and together', async () => {
      for (let round = 0; round < 3; round++) {
        const workers = await Promise.all([
          start('watch-all', ...eventfds(20)),
          start('watch-all', ...eventfds(20)),
        ]);
        await Promise.all(workers.map((worker) => worker.terminate()));
      }
    });

    test('a worker can be terminated while a call of it waits on another thread', async () => {
      const [readEnd, writeEnd] = resources.pipe(O_NONBLOCK);
      const size = fill(calls, writeEnd);
      calls.setStatusFlags(writeEnd, 0);
      const worker = await start('write-on-thread', writeEnd);
      const terminated = worker.terminate();
      // The call cannot be called off: the thread ends when the pipe has room for its byte.
      expect(readBytes(calls, readEnd, size)).toHaveLength(size);
      expect(await terminated).toBe(1);
    });

    test('descriptors are closed at the end of a thread that asked for it, and no others', async () => {
      const [, writeEnd] = resources.pipe();
      const { worker, answer } = await begin('close-at-end', writeEnd);
      const { kept, takenBack, closed } = answer;
      // Another file has the number of the one that the thread closed itself.
      const reused = resources.own(calls.duplicate(writeEnd, closed));
      expect(reused).toBe(closed);
      expect(openDescriptors().has(kept)).toBe(true);
      await worker.terminate();
      resources.own(takenBack);
      expect(openDescriptors().has(kept)).toBe(false);
      expect(openDescriptors().has(takenBack)).toBe(true);
      expect(openDescriptors().has(reused)).toBe(true);
    });

    test('a descriptor that is not open cannot be closed at the end of the thread', () => {
      expect(calls.closeAtThreadEnd(-1, true)).toBe(-EBADF);
    });

    test.skipIf(!collectsMappings)('the mappings of a worker end with it', async () => {
      const worker = await start('map');
      expect(mappedRanges(`${NAME_PREFIX}-in-worker`)).toHaveLength(3);
      await worker.terminate();
      expect(mappedRanges(`${NAME_PREFIX}-in-worker`)).toEqual([]);
    });

    test.skipIf(!collectsMappings)('so do those that it has aliases of', async () => {
      const worker = await start('alias');
      expect(mappedRanges(`${NAME_PREFIX}-in-worker`)).toHaveLength(1);
      await worker.terminate();
      expect(mappedRanges(`${NAME_PREFIX}-in-worker`)).toEqual([]);
    });

    test('a mapping of another thread is not for this one to unmap', async () => {
      const worker = await start('map');
      const own = resources.map(calls.pageSize(), resources.memory(calls.pageSize()));
      expect(calls.munmap(own)).toBe(0);
      expect(mappedRanges(`${NAME_PREFIX}-in-worker`)).toHaveLength(3);
      await worker.terminate();
      await until(() => !collectsMappings || mappedRanges(`${NAME_PREFIX}-in-worker`).length === 0);
    });
  });

  describe.skipIf(!collectsMappings)('mappings that nobody refers to any more', () => {
    test.each([
      ['are unmapped when they are garbage-collected', 'unmap'],
      ['do not take a younger mapping at the same address with them', 'spare-the-younger'],
      ['stay as long as a view of them is there', 'keep-for-view'],
      ['stay as long as an alias of them is there', 'keep-for-alias'],
      ['do not wait for aliases that nobody refers to either', 'forget-aliases'],
    ])('%s', async (_, scenario) => {
      const exit = await run('collecting', scenario, '--expose-gc');
      expect(exit).toEqual({ code: 0, signal: null, stderr: '' });
    });
  });
}
