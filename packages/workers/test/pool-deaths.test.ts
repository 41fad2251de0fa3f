import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expectNothingLeft, temporaryFolder, withCode } from '@pageferry/testkit';
import { createPool, type Pool, type PoolOptions } from '@pageferry/workers';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { checkPoolOptions } from '../dist/pool/options.js';
import { PoolWorker } from '../dist/pool/pool-worker.js';
import { ManualTimers } from './manual-timers.js';
import { program } from './support.js';

const folder = temporaryFolder();
const TASKS = program('tasks');

expectNothingLeft();
afterEach(() => vi.unstubAllEnvs());

async function appears(file: string): Promise<void> {
  await expect.poll(() => existsSync(file), { timeout: 15_000, interval: 5 }).toBe(true);
}

/** The processes whose parent is this one. What Node calls itself differs from version to version. */
async function children(): Promise<readonly number[]> {
  const { stdout } = await promisify(execFile)('ps', [
    '-o',
    'pid=,comm=',
    '--ppid',
    `${process.pid}`,
  ]);
  return stdout
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.endsWith(' ps'))
    .map((line) => Number.parseInt(line, 10));
}

describe('a worker that is killed', () => {
  test('while it starts is replaced, and what waits is done', async () => {
    const before = await children();
    await using pool = createPool(TASKS, { size: 1 });
    const task = pool.run(1, { name: 'echo' });
    let pid: number | undefined;
    await expect
      .poll(
        async () => {
          pid = (await children()).find((each) => !before.includes(each));
          return pid;
        },
        { timeout: 15_000, interval: 1 },
      )
      .toBeTypeOf('number');
    const isEarly = pool.stats().workers[0]?.state === 'starting';
    process.kill(pid as number, 'SIGKILL');
    // Nobody else is there to do it: who waits is told why.
    if (isEarly)
      await expect(task).rejects.toMatchObject({ code: 'PEER_DIED', signalCode: 'SIGKILL' });
    else await task.catch(() => undefined);
    expect(await pool.run(1, { name: 'echo' })).toBe(1);
    expect(pool.stats().deaths).toBe(1);
  });

  test('while it is idle is replaced', async () => {
    await using pool = createPool(TASKS, { size: 1 });
    const pid = await pool.run<number>(0, { name: 'whoAmI' });
    const gone = new Promise((resolve) => pool.on('workerDestroy', (_, reason) => resolve(reason)));
    process.kill(pid, 'SIGKILL');
    expect(await gone).toMatchObject({ code: 'PEER_DIED', signalCode: 'SIGKILL' });
    expect(await pool.run(0, { name: 'whoAmI' })).not.toBe(pid);
  });

  test('by its own task has that rejected with the signal, or run again', async () => {
    await using pool = createPool(TASKS, { size: 2 });
    await expect(pool.run(0, { name: 'kill' })).rejects.toMatchObject({
      code: 'PEER_DIED',
      signalCode: 'SIGKILL',
      message: expect.stringContaining('SIGKILL'),
    });
    await expect(pool.run(0, { name: 'kill', retries: 1 })).rejects.toMatchObject({
      signalCode: 'SIGKILL',
    });
    expect(pool.stats().retried).toBe(1);
  });

  test('in the middle of many tasks costs none of them with retries', async () => {
    await using pool = createPool(TASKS, { size: 2, retries: 3 });
    await pool.ready();
    const tasks = Array.from({ length: 40 }, (_, number) => pool.run(number, { name: 'echo' }));
    const [first] = pool.stats().workers;
    process.kill(first?.id as number, 'SIGKILL');
    expect(await Promise.all(tasks)).toEqual(Array.from({ length: 40 }, (_, number) => number));
  });

  test('takes all tasks that it had at once with it', async () => {
    await using pool = createPool(TASKS, { size: 1, concurrentTasksPerWorker: 3 });
    const files = [1, 2, 3].map(() => folder.fresh('begun'));
    const tasks = files.map((begun) => pool.run({ begun }, { name: 'forEver' }));
    const died = Promise.allSettled(tasks);
    for (const begun of files) await appears(begun);
    process.kill(pool.stats().workers[0]?.id as number, 'SIGKILL');
    expect(
      (await died).map((each) => each.status === 'rejected' && each.reason.signalCode),
    ).toEqual(Array(3).fill('SIGKILL'));
  });

  test('in the middle of its end is no harm', async () => {
    const pool = createPool(TASKS, { size: 1 });
    await pool.ready();
    const [worker] = pool.stats().workers;
    const closing = pool.close();
    process.kill(worker?.id as number, 'SIGKILL');
    await closing;
    expect(pool.stats()).toMatchObject({ workers: [], deaths: 0 });
  });
});

describe.each([
  ['processes', false],
  ['threads', true],
] as const)('of a pool of %s', (_, threads) => {
  const open = (options: PoolOptions = {}, module: URL | string = TASKS): Pool =>
    createPool(module, { size: 1, threads, ...options });

  describe('a module', () => {
    test('that does not exist rejects every task, with why', async () => {
      await using pool = open({}, new URL('programs/nowhere.mjs', import.meta.url));
      const failure = {
        code: 'REQUEST_FAILED',
        cause: expect.objectContaining({ code: 'ERR_MODULE_NOT_FOUND' }),
      };
      const ready = expect(pool.ready()).rejects.toMatchObject(failure);
      await expect(pool.run(1)).rejects.toMatchObject(failure);
      await ready;
      await expect(pool.compose(1)).rejects.toMatchObject(failure);
    });

    test('that throws at load rejects every task, with what', async () => {
      await using pool = open({ size: 2 }, program('throws-at-load'));
      await expect(pool.run(1)).rejects.toMatchObject({
        code: 'REQUEST_FAILED',
        message: expect.stringContaining('this module does not load'),
        cause: expect.objectContaining({
          name: 'SyntaxError',
          stack: expect.stringContaining('throws-at-load.mjs'),
        }),
      });
      await expect(pool.run(1)).rejects.toEqual(withCode('REQUEST_FAILED'));
    });

    test('that exits at load rejects every task, with the code', async () => {
      await using pool = open({}, program('exits-at-load'));
      await expect(pool.run(1)).rejects.toMatchObject({ code: 'PEER_DIED', exitCode: 6 });
    });

    test('that never loads is ended at its time limit', async () => {
      const timers = new ManualTimers();
      const begins = folder.fresh();
      vi.stubEnv('PAGEFERRY_BEGINS_TO_LOAD', begins);
      await using pool = open(
        { timers, readyTimeout: 5000, endTimeout: 0 },
        program('never-loads'),
      );
      const task = expect(pool.run(1)).rejects.toEqual(withCode('TIMEOUT'));
      // Of a thread that ends while Node reads the file of its module, Node leaves that file open.
      await appears(begins);
      expect(timers.pending).toEqual([5000]);
      timers.advance(4999);
      expect(pool.stats().deaths).toBe(0);
      timers.advance(1);
      await task;
      // Who is started next would take as long to end in order.
      await pool.destroy();
    });
  });

  test('workers that die again and again are started after longer and longer pauses', async () => {
    const timers = new ManualTimers();
    const backOff = { first: 100, longest: 350 };
    await using pool = open({ timers, backOff }, program('throws-at-load'));
    const died = async (deaths: number): Promise<readonly number[]> => {
      await expect.poll(() => pool.stats().deaths, { timeout: 15_000 }).toBe(deaths);
      return timers.pending;
    };
    // The second start does not wait, the others do.
    expect(await died(2)).toEqual([100]);
    timers.advance(99);
    expect(pool.stats().workers).toEqual([]);
    timers.advance(1);
    expect(pool.stats().workers).toHaveLength(1);
    expect(await died(3)).toEqual([200]);
    timers.advance(200);
    expect(await died(4)).toEqual([350]);
    timers.advance(350);
    expect(await died(5)).toEqual([350]);
  });

  test('a task that was done ends the pauses', async () => {
    const timers = new ManualTimers();
    await using pool = open({ timers });
    for (let death = 0; death < 3; death++) {
      await expect(pool.run(3, { name: 'exit' })).rejects.toEqual(withCode('PEER_DIED'));
      expect(await pool.run(1, { name: 'echo' })).toBe(1);
    }
    await expect(pool.run(3, { name: 'exit' })).rejects.toEqual(withCode('PEER_DIED'));
    await pool.ready();
    await expect(pool.run(3, { name: 'exit' })).rejects.toEqual(withCode('PEER_DIED'));
    await expect.poll(() => timers.pending).toEqual([100]);
    const task = pool.run(1, { name: 'echo' });
    timers.advance(100);
    expect(await task).toBe(1);
  });

  /**
   * Has one of two workers run a task, and the other one die twice, so that its next start is put off.
   *
   * @returns the task, and the file that ends it.
   */
  async function putOffStart(pool: Pool, timers: ManualTimers) {
    await pool.ready();
    const begun = folder.fresh('begun');
    const end = folder.fresh('end');
    const running = pool.run({ begun, end }, { name: 'until' });
    await appears(begun);
    await expect(pool.run(3, { name: 'exit' })).rejects.toEqual(withCode('PEER_DIED'));
    await pool.ready();
    await expect(pool.run(3, { name: 'exit' })).rejects.toEqual(withCode('PEER_DIED'));
    await expect.poll(() => timers.pending).toEqual([100]);
    return { running, end };
  }

  test('a pause that is not needed any more leads to no worker too many', async () => {
    const timers = new ManualTimers();
    await using pool = open({ timers, size: 2 });
    const { running, end } = await putOffStart(pool, timers);
    // A task that was done has the missing worker start at once.
    writeFileSync(end, '');
    expect(await running).toBe('ended');
    timers.advance(100);
    expect(pool.stats().workers).toHaveLength(2);
    await pool.ready();
    expect(pool.stats().workers).toHaveLength(2);
    expect(timers.pending).toEqual([]);
  });

  test('a task that no worker has seen does not end the pauses', async () => {
    const timers = new ManualTimers();
    await using pool = open({ timers, size: 2, concurrentTasksPerWorker: 2 });
    const { running, end } = await putOffStart(pool, timers);
    try {
      const unseen = pool.run(() => undefined);
      await expect(unseen).rejects.toEqual(withCode('NOT_CLONEABLE'));
      expect(timers.pending).toEqual([100]);
      expect(pool.stats().workers).toHaveLength(1);
      // An error that the worker has answered with says as much as a result.
      await expect(pool.run('no', { name: 'fail' })).rejects.toThrow('no');
      expect(timers.pending).toEqual([]);
      expect(pool.stats().workers).toHaveLength(2);
    } finally {
      writeFileSync(end, '');
    }
    expect(await running).toBe('ended');
  });

  describe('a signal', () => {
    test('that has fired keeps a task from being taken', async () => {
      await using pool = open();
      const signal = AbortSignal.abort(new Error('enough'));
      await expect(pool.run(1, { signal })).rejects.toMatchObject({
        code: 'ABORTED',
        name: 'AbortError',
        cause: expect.objectContaining({ message: 'enough' }),
      });
      expect(pool.stats()).toMatchObject({ aborted: 0, queued: 0 });
    });

    test('takes a task out of the queue', async () => {
      await using pool = open();
      const begun = folder.fresh('begun');
      const end = folder.fresh('end');
      const running = pool.run({ begun, end }, { name: 'until' });
      await appears(begun);
      const told = new AbortController();
      const file = folder.fresh('never');
      const waiting = pool.run({ file }, { name: 'exitOnce', signal: told.signal });
      expect(pool.queueSize).toBe(1);
      told.abort();
      expect(pool.queueSize).toBe(0);
      await expect(waiting).rejects.toEqual(withCode('ABORTED'));
      writeFileSync(end, '');
      expect(await running).toBe('ended');
      expect(await pool.run(1, { name: 'echo' })).toBe(1);
      expect(existsSync(file)).toBe(false);
      expect(pool.stats()).toMatchObject({ aborted: 1, completed: 2 });
    });

    test('tells a task that runs, whose worker lives on', async () => {
      await using pool = open({ timers: new ManualTimers() });
      const who = await pool.run(0, { name: 'whoAmI' });
      const begun = folder.fresh('begun');
      const heard = folder.fresh('told');
      const told = new AbortController();
      const running = pool.run(
        { begun, told: heard },
        { name: 'untilAborted', signal: told.signal },
      );
      await appears(begun);
      told.abort();
      await expect(running).rejects.toEqual(withCode('ABORTED'));
      await appears(heard);
      expect(await pool.run(0, { name: 'whoAmI' })).toBe(who);
      expect(pool.stats()).toMatchObject({ aborted: 1, deaths: 0 });
    });

    test.each(['forEver', 'spin'])('ends the worker of a task that goes on (%s)', async (name) => {
      const timers = new ManualTimers();
      await using pool = open({ timers, abortGrace: 70 });
      const who = await pool.run(0, { name: 'whoAmI' });
      const begun = folder.fresh('begun');
      const told = new AbortController();
      const running = pool.run({ begun }, { name, signal: told.signal, retries: 3 });
      await appears(begun);
      told.abort();
      await expect(running).rejects.toEqual(withCode('ABORTED'));
      const next = pool.run(0, { name: 'whoAmI' });
      expect(timers.pending).toEqual([70]);
      timers.advance(70);
      expect(await next).not.toBe(who);
      expect(pool.stats()).toMatchObject({ aborted: 1, deaths: 0, retried: 0 });
    });

    test('does not end the worker of a task that still waits for memory', async () => {
      const timers = new ManualTimers();
      const channel = { poolBytes: 2 ** 20 };
      await using pool = open({ timers, abortGrace: 70, concurrentTasksPerWorker: 2, channel });
      const who = await pool.run(0, { name: 'whoAmI' });
      const end = folder.fresh('end');
      const [first, second] = [1, 2].map(() => ({
        begun: folder.fresh('begun'),
        end,
        bytes: new Uint8Array(700_000),
      }));
      const running = pool.run(first, { name: 'until' });
      await appears(first?.begun as string);
      const told = new AbortController();
      const waiting = pool.run(second, { name: 'until', signal: told.signal });
      told.abort();
      await expect(waiting).rejects.toEqual(withCode('ABORTED'));
      expect(timers.pending).toEqual([]);
      timers.advance(1000);
      writeFileSync(end, '');
      await running;
      expect(await pool.run(0, { name: 'whoAmI' })).toBe(who);
      expect(pool.stats()).toMatchObject({ aborted: 1, deaths: 0 });
    });

    test('that fires when its task has just ended does not end the worker', async () => {
      const timers = new ManualTimers();
      const worker = new PoolWorker(checkPoolOptions(TASKS, { size: 1, threads, timers }));
      await worker.start();
      expect(await worker.run(7, { id: 7, name: 'echo', task: 1 }, false)).toBe(1);
      worker.abort(7);
      expect(timers.pending).toEqual([]);
      await worker.finish();
    });

    test('leaves nothing of an answer that was to stay in place', async () => {
      await using pool = open({ abortGrace: 60_000 });
      const begun = folder.fresh('begun');
      const end = folder.fresh('end');
      const told = new AbortController();
      const running = pool.request({ begun, end }, { name: 'until', signal: told.signal });
      await appears(begun);
      told.abort();
      await expect(running).rejects.toEqual(withCode('ABORTED'));
      writeFileSync(end, '');
      expect(await pool.run(1, { name: 'echo' })).toBe(1);
      expect(pool.stats().workers).toMatchObject([{ running: 0 }]);
    });
  });

  test('a worker that does not end in order is ended', async () => {
    const timers = new ManualTimers();
    const pool = open({ timers, abortGrace: 60_000, endTimeout: 40 });
    const begun = folder.fresh('begun');
    const told = new AbortController();
    const running = pool.run({ begun }, { name: 'spin', signal: told.signal });
    await appears(begun);
    told.abort();
    await expect(running).rejects.toEqual(withCode('ABORTED'));
    const closing = pool.close();
    await expect.poll(() => timers.pending).toContain(40);
    timers.advance(40);
    await closing;
    expect(pool.stats().workers).toEqual([]);
  });

  test('an open pool does not keep its process alive, nor do its workers outlive that', async () => {
    const words = [fileURLToPath(program('idle-pool')), threads ? 'threads' : 'processes'];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, words);
    const [answer, workers = ''] = stdout.split('\n');
    expect({ answer, stderr }).toEqual({ answer: 'Float64Array(1) [ 8 ]', stderr: '' });
    if (threads) return;
    for (const pid of JSON.parse(workers) as number[]) {
      await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 15_000 }).toBe(false);
    }
  });

  test.each([{}, { maxOldGenerationSizeMb: 100 }])(
    'a program of node -e has a pool (%j)',
    async (resourceLimits) => {
      const built = new URL('../bundle/index.js', import.meta.url).href;
      const code = `import('${built}').then(async ({ createPool }) => {
      const pool = createPool(new URL('${TASKS.href}'), ${JSON.stringify({ size: 1, threads, resourceLimits })});
      console.log(await pool.run(new Float64Array([4])));
      await pool.close();
    });`;
      const { stdout } = await promisify(execFile)(process.execPath, ['-e', code]);
      expect(stdout).toBe('Float64Array(1) [ 8 ]\n');
    },
  );
});
