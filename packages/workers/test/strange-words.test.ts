import { expectNothingLeft } from '@pageferry/testkit';
import { createPool, type Pool, type PoolOptions } from '@pageferry/workers';
import { describe, expect, test } from 'vitest';
import { ended, kinds, program } from './support.js';

const TASKS = program('tasks');
/** What a worker of a pool runs. It knows nothing but its port. */
const PROGRAM = new URL('../dist/pool/program.js', import.meta.url);

/** All that can be cloned may come over a port. Whoever turns such an object into a number or a text has a TypeError. */
const ODD = { toString: 1, valueOf: 1 };
const STRANGE = [
  null,
  undefined,
  '',
  'memory',
  7,
  Number.NaN,
  true,
  [],
  new Map([['memory', 1]]),
  new Uint8Array(3),
  { memory: null },
  { memory: '99e99' },
  { memory: 2n ** 64n },
  { memory: ODD },
  { memory: [Number.MAX_VALUE] },
  { abort: null },
  { abort: ODD },
  { abort: [1] },
];

expectNothingLeft();

describe.each([
  ['processes', false],
  ['threads', true],
] as const)('a pool of %s', (_, threads) => {
  const open = (options: PoolOptions = {}): Pool =>
    createPool(TASKS, { size: 1, threads, ...options });

  test('does not fall over what a task sends it', async () => {
    await using pool = open({ maxMemoryPerWorker: 2 ** 40 });
    const who = await pool.run(0, { name: 'whoAmI' });
    expect(await pool.run(STRANGE, { name: 'say' })).toBe('said');
    expect(await pool.run(0, { name: 'whoAmI' })).toBe(who);
    expect(pool.stats()).toMatchObject({ deaths: 0, recycled: 0, completed: 3 });
  });

  test('does not fall over what a worker has thrown', async () => {
    await using pool = threads ? open() : open({ execArgv: ['--unhandled-rejections=none'] });
    await expect(pool.run(0, { name: 'throwOddlyBeside' })).rejects.toMatchObject({
      code: 'PEER_DIED',
      exitCode: 1,
    });
    expect(await pool.run(1, { name: 'echo' })).toBe(1);
  });

  test('says what a module has thrown at load, whatever that is', async () => {
    await using pool = createPool(program('throws-oddly-at-load'), { size: 1, threads });
    await expect(pool.run(1)).rejects.toMatchObject({
      code: 'REQUEST_FAILED',
      message: expect.stringContaining('toString'),
      cause: { message: { toString: 1 } },
    });
  });
});

test('a value that throws oddly when it is taken over is NOT_CLONEABLE', async () => {
  await using pool = createPool(TASKS, { size: 1 });
  const task = {
    get value(): never {
      throw null;
    },
  };
  await expect(pool.run(task, { transfer: [] })).rejects.toMatchObject({ code: 'NOT_CLONEABLE' });
});

test.each(kinds)(
  "a worker's program in %s does not fall over what its parent sends",
  async (_, start) => {
    const child = await start(PROGRAM);
    await child.port.call('load', { module: TASKS.href, memoryLimit: 0 });
    for (const word of STRANGE) await child.port.send(word);
    expect(await child.port.call('run', { id: 1, name: 'echo', task: 5 })).toBe(5);
    const end = ended(child);
    await child.port.close();
    await end;
  },
);
