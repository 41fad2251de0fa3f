import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openMessage, shared } from '@pageferry/messages';
import { sharedMmap } from '@pageferry/shared-mmap';
import {
  collectGarbage,
  countDescriptors,
  expectNothingLeft,
  temporaryFolder,
  withCode,
} from '@pageferry/testkit';
import { createPool, type Pool, type PoolOptions } from '@pageferry/workers';
import { describe, expect, test } from 'vitest';
import { program, transports } from './support.js';

const folder = temporaryFolder();
const TASKS = program('tasks');

expectNothingLeft();

/** Resolves once a task has written its file. */
async function appears(file: string): Promise<void> {
  await expect.poll(() => existsSync(file), { timeout: 15_000, interval: 5 }).toBe(true);
}

test.each([
  ['ends the pool', 'CLOSED', (pool: Pool): void => void pool.destroy()],
  ['aborts it', 'ABORTED', (_: Pool, ending: AbortController): void => ending.abort()],
] as const)('a task whose value %s while it is taken over is rejected', async (_, code, end) => {
  const pool = createPool(TASKS, { size: 1 });
  const ending = new AbortController();
  const buffer = new ArrayBuffer(8);
  const value = {
    get x(): number {
      end(pool, ending);
      return 1;
    },
    buffer,
  };
  const running = pool.run(value, { transfer: [buffer], signal: ending.signal });
  await expect(running).rejects.toEqual(withCode(code));
  await pool.destroy();
});

describe.each([
  ['processes', false],
  ['threads', true],
] as const)('a pool of %s', (_, threads) => {
  const open = (options: PoolOptions = {}, module: URL | string = TASKS): Pool =>
    createPool(module, { size: 1, threads, ...options });

  test.each(transports.map((each) => [each.name, each] as const))(
    'works over %s',
    async (_, transport) => {
      await using pool = open({ transport, size: 2 });
      expect(await pool.run(new Float64Array([1, 2]))).toEqual(new Float64Array([2, 4]));
      const answers = Array.from({ length: 50 }, (_, number) => pool.run(number, { name: 'echo' }));
      expect(await Promise.all(answers)).toEqual(Array.from({ length: 50 }, (_, number) => number));
    },
  );

  test('runs functions of a path, of CommonJS, by name', async () => {
    await using pool = open({}, fileURLToPath(new URL('programs/old.cjs', import.meta.url)));
    expect(await pool.run('word')).toBe('old word');
    expect(await pool.run(undefined, { name: 'named' })).toBe('named');
    // Every object has the second one.
    for (const name of ['nobody', 'toString']) {
      await expect(pool.run(1, { name })).rejects.toMatchObject({ code: 'NO_HANDLER' });
    }
  });

  test('gives its workers arguments, flags and an environment', async () => {
    await using pool = open({
      args: ['one'],
      execArgv: ['--no-warnings'],
      env: { ...process.env, POOL_TEST: 'yes' },
    });
    expect(await pool.run(undefined, { name: 'flags' })).toEqual({
      args: ['one'],
      execArgv: ['--no-warnings'],
      env: 'yes',
    });
  });

  test('gives tasks to the worker with the fewest', async () => {
    await using pool = open({ size: 2, concurrentTasksPerWorker: 2 });
    await pool.ready();
    const end = folder.fresh('end');
    const files = [1, 2, 3, 4].map(() => folder.fresh('begun'));
    const running = files.map((begun) => pool.run({ begun, end }, { name: 'until' }));
    for (const begun of files) await appears(begun);
    expect(pool.stats().workers.map((worker) => worker.running)).toEqual([2, 2]);
    const waiting = pool.run(undefined, { name: 'nothing' });
    expect(pool.queueSize).toBe(1);
    await expect(pool.drain({ timeout: 1 })).rejects.toEqual(withCode('TIMEOUT'));
    const { writeFileSync } = await import('node:fs');
    writeFileSync(end, '');
    expect(await Promise.all(running)).toEqual(Array(4).fill('ended'));
    await waiting;
    await pool.drain();
    expect(pool.stats()).toMatchObject({ completed: 5, failed: 0, queued: 0, running: 0 });
  });

  test('limits its queue, and says when there is room', async () => {
    await using pool = open({ maxQueue: 2 });
    const begun = folder.fresh('begun');
    const end = folder.fresh('end');
    const first = pool.run({ begun, end }, { name: 'until' });
    await appears(begun);
    const room = new Promise<void>((resolve) => pool.on('drain', resolve));
    const waiting = [pool.run(1, { name: 'echo' }), pool.run(2, { name: 'echo' })];
    await expect(pool.run(3)).rejects.toEqual(withCode('QUEUE_FULL'));
    await expect(pool.compose(3)).rejects.toEqual(withCode('QUEUE_FULL'));
    const { writeFileSync } = await import('node:fs');
    writeFileSync(end, '');
    expect(await Promise.all([first, ...waiting])).toEqual(['ended', 1, 2]);
    await room;
    await using none = open({ maxQueue: 0 });
    await expect(none.run(1)).rejects.toEqual(withCode('QUEUE_FULL'));
    await none.ready();
    expect(await none.run(1, { name: 'echo' })).toBe(1);
  });

  test('tells what a task has thrown, with its stack', async () => {
    await using pool = open();
    const failing = pool.run('too large', { name: 'fail' });
    await expect(failing).rejects.toMatchObject({
      name: 'RangeError',
      message: 'too large',
      code: 'E_TASK',
      details: { depth: 2 },
      stack: expect.stringContaining('tasks.mjs'),
    });
    await expect(pool.run(0, { name: 'failOddly' })).rejects.toBe('a word');
    expect(await pool.run(7, { name: 'echo' })).toBe(7);
    expect(pool.stats()).toMatchObject({ failed: 2, completed: 1, deaths: 0 });
  });

  test('does not take an error of a task for the death of its worker', async () => {
    await using pool = open({ retries: 5 });
    await expect(pool.run(0, { name: 'failAsDead' })).rejects.toMatchObject({ message: 'not me' });
    expect(pool.stats()).toMatchObject({ retried: 0, deaths: 0 });
  });

  test('says where a task or an answer cannot be cloned', async () => {
    await using pool = open();
    await expect(pool.run({ list: [() => 1] })).rejects.toMatchObject({
      code: 'NOT_CLONEABLE',
      path: 'task.list[0]',
    });
    await expect(pool.run(0, { name: 'uncloneable' })).rejects.toMatchObject({
      code: 'NOT_CLONEABLE',
      path: 'list[0]',
    });
    expect(await pool.run(7, { name: 'echo' })).toBe(7);
  });

  test('takes over the buffers of a task', async () => {
    await using pool = open();
    const bytes = new Uint8Array(1000).fill(3);
    const summing = pool.run(bytes, { name: 'sum', transfer: [bytes.buffer] });
    expect(bytes.byteLength).toBe(0);
    expect(await summing).toBe(3000);
    const again = pool.run(bytes, { name: 'sum', transfer: [bytes.buffer] });
    await expect(again).rejects.toEqual(withCode('NOT_CLONEABLE'));
  });

  test('has tasks composed, and leaves answers where they are', async () => {
    await using pool = open({ size: 2 });
    const task = await pool.compose(shared(Uint8Array, 100_000), { name: 'invert' });
    task.value.fill(5);
    const answer = await pool.request<Uint8Array>(task);
    expect(answer.value.every((each) => each === 250)).toBe(true);
    expect(answer.released).toBe(false);
    answer.release();
    expect(task.owned).toBe(false);
    await expect(pool.run(task)).rejects.toEqual(withCode('LOAN_NOT_OWNED'));
    const given = await pool.compose(1);
    expect(
      pool
        .stats()
        .workers.map(({ running }) => running)
        .sort(),
    ).toEqual([0, 1]);
    given.release();
    given.release();
    expect(pool.stats().workers.map(({ running }) => running)).toEqual([0, 0]);
    await expect(pool.run(given)).rejects.toEqual(withCode('LOAN_NOT_OWNED'));
  });

  test('does not spend a composed task on a call that it refuses', async () => {
    await using pool = open();
    await using other = open();
    const task = await pool.compose(1, { name: 'echo' });
    const transfer = [new ArrayBuffer(8)];
    await expect(pool.run(task, { transfer })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      argument: 'transfer',
    });
    await expect(other.run(task)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      argument: 'task',
    });
    const signal = AbortSignal.abort();
    await expect(pool.run(task, { signal })).rejects.toEqual(withCode('ABORTED'));
    expect(transfer[0]?.byteLength).toBe(8);
    expect(task.owned).toBe(true);
    expect(pool.stats().workers).toMatchObject([{ running: 1 }]);
    // With an empty list there is nothing to refuse.
    expect(await pool.run(task, { transfer: [] })).toBe(1);
    const released = await pool.compose(2, { name: 'echo' });
    await expect(pool.run(released, { transfer })).rejects.toEqual(withCode('INVALID_ARGUMENT'));
    released.release();
    expect(pool.stats().workers).toMatchObject([{ running: 0 }]);
    expect(await pool.run(3, { name: 'echo' })).toBe(3);
    expect(await other.run(4, { name: 'echo' })).toBe(4);
  });

  test('says so when the worker of a composed task is gone', async () => {
    await using pool = open({ concurrentTasksPerWorker: 2 });
    const task = await pool.compose(shared(Uint8Array, 10));
    const gone = new Promise((resolve) => pool.on('workerDestroy', resolve));
    await expect(pool.run(3, { name: 'exit' })).rejects.toEqual(withCode('PEER_DIED'));
    await gone;
    await expect(pool.run(task)).rejects.toMatchObject({ code: 'PEER_DIED', exitCode: 3 });
  });

  test('has no room to compose in while all slots are taken', async () => {
    await using pool = open();
    const task = await pool.compose(1, { name: 'echo' });
    await expect(pool.compose(2, { timeout: 1 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining('no worker was free'),
    });
    const signal = AbortSignal.abort();
    await expect(pool.compose(2, { signal })).rejects.toEqual(withCode('ABORTED'));
    expect(await pool.run(task)).toBe(1);
  });

  test('has a slot back whose task was to be composed, and has found no memory in time', async () => {
    const channel = { poolBytes: 1024 * 1024 };
    await using pool = open({ transport: sharedMmap, channel, concurrentTasksPerWorker: 2 });
    const large = shared(Uint8Array, 700_000);
    const task = await pool.compose(large, { name: 'sum' });
    await expect(pool.compose(large, { timeout: 1 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining('a worker had no memory for it'),
    });
    await expect.poll(() => pool.stats().workers[0]?.running).toBe(1);
    expect(await pool.run(2, { name: 'echo' })).toBe(2);
    task.release();
  });

  test('has a slot back whose task cannot be composed, and says to whom', async () => {
    await using pool = open();
    await pool.ready();
    const asking = async function theCaller() {
      await pool.compose({ job: () => 1 });
    };
    await expect(asking()).rejects.toMatchObject({
      code: 'NOT_CLONEABLE',
      message: expect.stringContaining('job'),
      stack: expect.stringContaining('theCaller'),
    });
    expect(pool.stats().workers[0]?.running).toBe(0);
    expect(await pool.run(2, { name: 'echo' })).toBe(2);
  });

  test('tells who waits for memory to compose in that the worker is gone', async () => {
    const channel = { poolBytes: 1024 * 1024 };
    await using pool = open({ transport: sharedMmap, channel, concurrentTasksPerWorker: 3 });
    await pool.ready();
    const large = shared(Uint8Array, 700_000);
    const end = folder.fresh('end');
    const exiting = pool.run({ end, code: 5 }, { name: 'exitWhen' });
    using _task = await pool.compose(large, { name: 'sum' });
    const composing = pool.compose(large);
    composing.catch(() => undefined);
    writeFileSync(end, '');
    await expect(exiting).rejects.toEqual(withCode('PEER_DIED'));
    await expect(composing).rejects.toMatchObject({ code: 'PEER_DIED', exitCode: 5 });
  });

  test.each(['close', 'destroy'] as const)(
    'tells who waits to compose that the pool was ended: %s',
    async (end) => {
      const channel = { poolBytes: 1024 * 1024 };
      const pool = open({ transport: sharedMmap, channel, concurrentTasksPerWorker: 3 });
      await pool.ready();
      const large = shared(Uint8Array, 700_000);
      using _task = await pool.compose(large);
      const waiting = [
        // These two have a slot, and no memory; the third has no slot.
        pool.compose(large),
        pool.compose(large, { timeout: 60_000 }),
        pool.compose(large),
      ];
      const outcomes = Promise.allSettled(waiting);
      await pool[end]();
      for (const outcome of await outcomes) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'CLOSED' } });
      }
    },
  );

  test('tells a task that it is not wanted any more, however late it asks', async () => {
    await using pool = open({ concurrentTasksPerWorker: 2 });
    const begun = folder.fresh('begun');
    const end = folder.fresh('end');
    const told = folder.fresh('told');
    const controller = new AbortController();
    const running = pool.run({ begun, end, told }, { name: 'lateLook', signal: controller.signal });
    await appears(begun);
    controller.abort();
    await expect(running).rejects.toEqual(withCode('ABORTED'));
    // It comes after the word that the task is not wanted.
    expect(await pool.run(1, { name: 'echo' })).toBe(1);
    writeFileSync(end, '');
    await expect.poll(() => existsSync(told) && readFileSync(told, 'utf8')).toBe('lateLook true');
  });

  test('rejects a task whose worker exits, or runs it again', async () => {
    await using pool = open();
    await expect(pool.run(4, { name: 'exit' })).rejects.toMatchObject({
      code: 'PEER_DIED',
      exitCode: 4,
    });
    expect(await pool.run(1, { name: 'echo' })).toBe(1);
    const file = folder.fresh('once');
    expect(await pool.run({ file }, { name: 'exitOnce', retries: 1 })).toMatch(/^done by/);
    await expect(pool.run(5, { name: 'exit', retries: 2 })).rejects.toMatchObject({ exitCode: 5 });
    expect(pool.stats()).toMatchObject({ deaths: 5, retried: 3, failed: 2, completed: 2 });
  });

  test('rejects a task beside which something was thrown', async () => {
    await using pool = threads ? open() : open({ execArgv: ['--unhandled-rejections=none'] });
    await expect(pool.run(0, { name: 'throwBeside' })).rejects.toMatchObject({
      code: 'PEER_DIED',
      exitCode: 1,
      ...(threads ? { cause: expect.objectContaining({ name: 'TypeError' }) } : {}),
    });
  });

  test('ends a worker that takes more memory than it may, and says so', async () => {
    await using pool = open({ resourceLimits: { maxOldGenerationSizeMb: 24 } });
    await expect(pool.run(0, { name: 'fillTheHeap' })).rejects.toMatchObject(
      threads
        ? {
            code: 'PEER_DIED',
            cause: expect.objectContaining({ code: 'ERR_WORKER_OUT_OF_MEMORY' }),
          }
        : { code: 'PEER_DIED', signalCode: expect.stringMatching(/^SIG(ABRT|TRAP|ILL)$/) },
    );
    expect(await pool.run(1, { name: 'echo' })).toBe(1);
  }, 60_000);

  test('replaces a worker after so many tasks', async () => {
    await using pool = open({ maxTasksPerWorker: 2 });
    const seen: unknown[] = [];
    for (let task = 0; task < 6; task++) seen.push(await pool.run(0, { name: 'whoAmI' }));
    expect(seen[0]).toBe(seen[1]);
    expect(seen[2]).toBe(seen[3]);
    expect(new Set(seen).size).toBe(3);
    expect(pool.stats()).toMatchObject({ recycled: 3, deaths: 0, completed: 6 });
  });

  test('replaces a worker that has grown', async () => {
    const maxMemoryPerWorker = 200 * 1024 * 1024;
    await using pool = open({ maxMemoryPerWorker });
    const first = await pool.run(1000, { name: 'grow' });
    expect(await pool.run(1000, { name: 'grow' })).toBe(first);
    const gone = new Promise((resolve) => pool.on('workerDestroy', resolve));
    expect(await pool.run(maxMemoryPerWorker, { name: 'grow' })).toBe(first);
    await gone;
    expect(await pool.run(0, { name: 'whoAmI' })).not.toBe(first);
    expect(pool.stats()).toMatchObject({ recycled: 1, deaths: 0 });
  });

  // Node 20 cannot: the tests of shared-mmap have what it says.
  test.skipIf(process.versions.node.startsWith('20.'))(
    'has answers that several threads of this process read',
    async () => {
      const descriptors = countDescriptors();
      await (async () => {
        await using pool = open({ channel: { sharedToThreads: true }, workerChannel: {} });
        const answer = await pool.request<Uint8Array>(new Uint8Array(5000), { name: 'invert' });
        using opened = openMessage<Uint8Array>(answer.forThreads());
        answer.release();
        expect(opened.value.buffer).toBeInstanceOf(SharedArrayBuffer);
        expect(opened.value).toEqual(new Uint8Array(5000).fill(255));
      })();
      // What threads ring stays open for as long as any of them could: until that buffer is collected.
      const left = (): number => {
        collectGarbage();
        return countDescriptors();
      };
      await expect.poll(left, { timeout: 10_000 }).toBe(descriptors);
    },
  );

  test('keeps a worker to be replaced while its answer is read', async () => {
    await using pool = open({ maxTasksPerWorker: 1 });
    const answer = await pool.request<Uint8Array>(new Uint8Array(5000), { name: 'invert' });
    expect(await pool.run(1, { name: 'echo' })).toBe(1);
    expect(pool.stats().workers.some(({ state }) => state === 'retiring')).toBe(true);
    expect(answer.value.every((each) => each === 255)).toBe(true);
    answer.release();
    await expect
      .poll(() => pool.stats().workers.some(({ state }) => state === 'retiring'))
      .toBe(false);
  });

  test('keeps what a dead worker has answered until it is released', async () => {
    await using pool = open();
    const answer = await pool.request<Uint8Array>(new Uint8Array(5000), { name: 'invert' });
    const gone = new Promise((resolve) => pool.on('workerDestroy', resolve));
    await expect(pool.run(2, { name: 'exit' })).rejects.toEqual(withCode('PEER_DIED'));
    await gone;
    expect(answer.value.every((each) => each === 255)).toBe(true);
    answer.release();
  });

  test('waits for its tasks when it is closed', async () => {
    const pool = open();
    const tasks = [1, 2, 3].map((number) => pool.run(number, { name: 'echo' }));
    const closing = pool.close();
    await expect(pool.run(4)).rejects.toEqual(withCode('CLOSED'));
    await expect(pool.compose(4)).rejects.toEqual(withCode('CLOSED'));
    await expect(pool.ready()).rejects.toEqual(withCode('CLOSED'));
    await closing;
    expect(await Promise.all(tasks)).toEqual([1, 2, 3]);
    expect(pool.closed).toBe(true);
    await pool.close();
  });

  test('gives up tasks when it is destroyed, or is not closed in time', async () => {
    for (const end of ['destroy', 'close'] as const) {
      const pool = open();
      const begun = folder.fresh('begun');
      const running = pool.run({ begun }, { name: 'spin' });
      const waiting = pool.run(1);
      const closed = Promise.all([
        expect(running).rejects.toEqual(withCode('CLOSED')),
        expect(waiting).rejects.toEqual(withCode('CLOSED')),
      ]);
      await appears(begun);
      if (end === 'destroy') await pool.destroy();
      else await expect(pool.close({ timeout: 1 })).rejects.toEqual(withCode('TIMEOUT'));
      await closed;
      expect(pool.stats().workers).toEqual([]);
    }
  });

  test('is not ended by a call that it refuses', async () => {
    await using pool = open();
    await expect(pool.close({ timeout: -1 })).rejects.toEqual(withCode('INVALID_ARGUMENT'));
    expect(pool.closed).toBe(false);
    expect(await pool.run(1, { name: 'echo' })).toBe(1);
  });

  test('is destroyed in the middle of its start', async () => {
    const pool = open({ size: 3 });
    const task = expect(pool.run(1)).rejects.toEqual(withCode('CLOSED'));
    await pool.destroy();
    await task;
    const closed = open({ size: 3 });
    await closed.close();
    expect(closed.stats().workers).toEqual([]);
  });

  test('tells of its workers', async () => {
    const told: string[] = [];
    {
      await using pool = open();
      pool.on('workerCreate', ({ id, state }) => told.push(`${typeof id} ${state}`));
      pool.on('workerDestroy', ({ state }, reason) => {
        told.push(
          `${state} ${reason instanceof Error ? reason.message.replace(/\d+/, 'N') : reason}`,
        );
      });
      await expect(pool.run(4, { name: 'exit' })).rejects.toEqual(withCode('PEER_DIED'));
      await pool.ready();
    }
    const who = threads ? 'the thread N' : 'the child process N';
    expect(told).toEqual([
      'number ready',
      `gone ${who} has exited with code 4`,
      'number ready',
      'gone undefined',
    ]);
  });

  test('goes on when a listener throws', async () => {
    const caught = new Promise((resolve) => process.once('uncaughtException', resolve));
    const listeners = process.listeners('uncaughtException').slice(0, -1);
    for (const each of listeners) process.off('uncaughtException', each);
    try {
      await using pool = open();
      const throwing = (): void => {
        throw new Error('of a listener');
      };
      pool.on('workerCreate', throwing);
      expect(await pool.run(1, { name: 'echo' })).toBe(1);
      expect(await caught).toMatchObject({ message: 'of a listener' });
      pool.off('workerCreate', throwing);
    } finally {
      for (const each of listeners) process.on('uncaughtException', each);
    }
  });

  test('does not take what it does not know', async () => {
    const wrong: [unknown, object?][] = [
      [7],
      [''],
      [TASKS, { size: 0 }],
      [TASKS, { sise: 1 }],
      [TASKS, { threads: 1 }],
      [TASKS, { retries: -1 }],
      [TASKS, { backOff: { first: -1 } }],
      [TASKS, { backOff: { last: 1 } }],
      [TASKS, { args: 'one' }],
      [TASKS, { resourceLimits: { memory: 7 } }],
      [TASKS, { timers: {} }],
      [TASKS, { maxQueue: Number.NaN }],
    ];
    for (const [module, options] of wrong) {
      const create = () => createPool(module as URL, { threads, ...options });
      expect(create, JSON.stringify([module, options])).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      );
    }
    await using pool = open();
    for (const options of [
      { signal: 1 },
      { name: '' },
      { transfer: [1] },
      { retries: 0.5 },
      { x: 1 },
    ]) {
      const running = pool.run(1, options as never);
      await expect(running, JSON.stringify(options)).rejects.toEqual(withCode('INVALID_ARGUMENT'));
    }
    expect(() => pool.on('nothing' as 'drain', () => undefined)).toThrow(/event/);
  });
});

test('processes take no limits but that of the old generation', () => {
  const limited = () => createPool(TASKS, { resourceLimits: { stackSizeMb: 8 } });
  expect(limited).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
});

test('to write into a task in place ends the worker, and nobody else', async () => {
  await using pool = createPool(TASKS, { size: 1, transport: sharedMmap });
  const scribbling = pool.run(new Uint8Array(100), { name: 'scribble' });
  await expect(scribbling).rejects.toMatchObject({ code: 'PEER_DIED', signalCode: 'SIGSEGV' });
  expect(await pool.run(1, { name: 'echo' })).toBe(1);
});
