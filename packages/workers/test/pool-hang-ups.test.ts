import { writeFileSync } from 'node:fs';
import { clock } from '@pageferry/core';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { createPool, type Pool, type PoolOptions } from '@pageferry/workers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { program, transports } from './support.js';

const folder = temporaryFolder();
const TASKS = program('tasks');

expectNothingLeft();

describe.each([
  ['a process', false],
  ['a thread', true],
] as const)('%s that closes its channel and lives on', (_, threads) => {
  const open = (options: PoolOptions = {}): Pool =>
    createPool(TASKS, { size: 1, threads, ...options });
  const nextDeath = (pool: Pool): Promise<unknown> =>
    new Promise((resolve) => pool.on('workerDestroy', (_, reason) => resolve(reason)));
  const ending = (pool: Pool): Promise<void> =>
    expect
      .poll(() => pool.stats().workers[0]?.state, { timeout: 15_000, interval: 1 })
      .toBe('ending');
  const hasHungUp = {
    code: 'PEER_DIED',
    message: expect.stringMatching(/^the (child process|thread) \d+ has hung up/),
  };

  describe.each(transports.map((each) => [each.name, each] as const))('over %s', (_, transport) => {
    test.each(['close', 'destroy'] as const)('is ended, and replaced (%s)', async (how) => {
      await using pool = open({ transport });
      const death = nextDeath(pool);
      const who = await pool.run(0, { name: 'whoAmI' });
      await expect(pool.run(how, { name: 'hangUp' })).rejects.toMatchObject({ code: 'PEER_DIED' });
      expect(await death).toMatchObject(hasHungUp);
      expect(await pool.run(0, { name: 'whoAmI' })).not.toBe(who);
      expect(pool.stats()).toMatchObject({ deaths: 1, completed: 2, failed: 1 });
    });
  });

  test.each(['close', 'destroy'] as const)('is replaced if it is idle, too (%s)', async (how) => {
    await using pool = open();
    const death = nextDeath(pool);
    const when = folder.fresh('when');
    const who = await pool.run(0, { name: 'whoAmI' });
    await pool.run({ how, when }, { name: 'hangUpLater' });
    writeFileSync(when, '');
    expect(await death).toMatchObject(hasHungUp);
    expect(await pool.run(0, { name: 'whoAmI' })).not.toBe(who);
    expect(pool.stats()).toMatchObject({ deaths: 1, completed: 3, failed: 0 });
  });

  test('is given nothing any more', async () => {
    await using pool = open();
    const when = folder.fresh('when');
    const who = await pool.run(0, { name: 'whoAmI' });
    await pool.run({ how: 'close', when }, { name: 'hangUpLater' });
    writeFileSync(when, '');
    await ending(pool);
    expect(await pool.run(0, { name: 'whoAmI' })).not.toBe(who);
    expect(pool.stats()).toMatchObject({ deaths: 1, completed: 3, failed: 0 });
  });

  test('is ended while an answer of it is read in place', async () => {
    await using pool = open({ maxTasksPerWorker: 2 });
    const death = nextDeath(pool);
    const when = folder.fresh('when');
    await pool.run({ how: 'destroy', when }, { name: 'hangUpLater' });
    const answer = await pool.request<Uint8Array>(new Uint8Array(5000), { name: 'invert' });
    expect(pool.stats().workers).toMatchObject([{ state: 'retiring' }, { state: 'starting' }]);
    writeFileSync(when, '');
    expect(await death).toMatchObject(hasHungUp);
    expect(answer.value.every((each) => each === 255)).toBe(true);
    answer.release();
    expect(pool.stats()).toMatchObject({ deaths: 1, recycled: 1 });
  });

  test.each(['close', 'destroy'] as const)(
    'has its exit code told if it exits (%s)',
    async (how) => {
      await using pool = open();
      const death = nextDeath(pool);
      const running = pool.run({ how, code: 7 }, { name: 'hangUpAndExit' });
      await expect(running).rejects.toMatchObject({ code: 'PEER_DIED', exitCode: 7 });
      expect(await death).toMatchObject({ code: 'PEER_DIED', exitCode: 7 });
      expect(pool.stats()).toMatchObject({ deaths: 1 });
    },
  );

  test('while it loads its module is a death that is told as such', async () => {
    await using pool = createPool(program('hangs-up-at-load'), { size: 1, threads });
    const death = nextDeath(pool);
    await expect(pool.run(1)).rejects.toMatchObject(hasHungUp);
    expect(await death).toMatchObject(hasHungUp);
  });

  describe('is ended before all who wait for its exit code have given up', () => {
    const { setTimeout } = clock;
    let waits = 0;
    beforeEach(() => {
      waits = 0;
      vi.spyOn(clock, 'setTimeout').mockImplementation((call, milliseconds) => {
        const isForExit = milliseconds === 1000;
        return setTimeout(call, isForExit && waits++ === 0 ? 1 : milliseconds);
      });
    });
    afterEach(() => void vi.restoreAllMocks());

    test('and they are told why, while it loads its module', async () => {
      await using pool = createPool(program('hangs-up-at-load'), { size: 1, threads });
      const death = nextDeath(pool);
      await expect(pool.run(1)).rejects.toMatchObject(hasHungUp);
      expect(await death).toMatchObject(hasHungUp);
      expect(waits).toBeGreaterThan(0);
    });

    test('and each is told why, by an error of its own', async () => {
      await using pool = open({ concurrentTasksPerWorker: 3 });
      await pool.run(0, { name: 'whoAmI' });
      const forEver = () => pool.run({ begun: folder.fresh('begun') }, { name: 'forEver' });
      const tasks = [forEver(), forEver(), pool.run('close', { name: 'hangUp' })];
      const errors = await Promise.all(tasks.map((task) => task.catch((error: unknown) => error)));
      for (const error of errors) expect(error).toMatchObject(hasHungUp);
      expect(new Set(errors).size).toBe(3);
      expect(waits).toBeGreaterThan(1);
    });
  });

  test('is no harm to a pool that is closed meanwhile', async () => {
    const pool = open();
    const when = folder.fresh('when');
    await pool.run({ how: 'close', when }, { name: 'hangUpLater' });
    writeFileSync(when, '');
    await ending(pool);
    await pool.close();
    expect(pool.stats()).toMatchObject({ workers: [], deaths: 0 });
  });
});
