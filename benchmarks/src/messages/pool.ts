import { shared } from '@pageferry/messages';
import { createPool, type Pool } from '@pageferry/workers';
import { Piscina } from 'piscina';
import type { Trial } from '../shared/workload.js';
import type { Group } from './groups.js';
import { type Comparison, interleave } from './interleave.js';

const BYTES = 8 * 2 ** 20;
/** Two tasks and two answers have room. */
const CHANNEL = { poolBytes: 4 * BYTES };
const MODULE = new URL('pool-tasks.js', import.meta.url);
/** Tasks that take about as long as 40 MB there and back by `child.send`. */
const TASKS_FOR_A_TRIP = { 'pool-8mb': 5, 'pool-empty': 500 } as const;

/** One task, and the check of its answer. */
type Attempt = (number: number) => Promise<void>;

/** The pools that are compared: one worker each, so that what is measured is the way there and back. */
interface Contenders {
  readonly processes: Pool;
  readonly threads: Pool;
  readonly piscina: Piscina;
}

/**
 * Tasks for a pool of one worker, beside one of piscina's: empty ones, and ones with a buffer of 8 MiB and an answer as
 * long. The caller fills the one and the worker the other, each where it is sent from; piscina's go there and back in
 * transfer lists.
 */
export const poolGroup: Group = {
  aims: new Map([
    ['pool-8mb', 4],
    ['pool-empty', 0.8],
  ]),
  async measure(rounds, volume) {
    const options = { size: 1, channel: CHANNEL };
    const contenders = {
      processes: createPool(MODULE, options),
      threads: createPool(MODULE, { ...options, threads: true }),
      piscina: new Piscina({ filename: MODULE.href, minThreads: 1, maxThreads: 1 }),
    };
    try {
      return await interleave(comparisonsOf(contenders, volume.trips), rounds, volume);
    } finally {
      await contenders.processes.close();
      await contenders.threads.close();
      await contenders.piscina.destroy();
    }
  },
};

/** Runs tasks one after the other. Before the first trial V8 gets as many to compile. */
function trialOf(attempt: Attempt, count: number): () => Promise<Trial> {
  let isWarm = false;
  return async () => {
    if (!isWarm) await repeat(attempt, count);
    isWarm = true;
    const begin = process.hrtime.bigint();
    await repeat(attempt, count);
    return { nanoseconds: Number(process.hrtime.bigint() - begin) };
  };
}

async function repeat(attempt: Attempt, count: number): Promise<void> {
  for (let number = 0; number < count; number++) await attempt(number % 256);
}

function comparisonsOf(
  { processes, threads, piscina }: Contenders,
  trips: number,
): readonly Comparison[] {
  const large = (attempt: Attempt) => trialOf(attempt, trips * TASKS_FOR_A_TRIP['pool-8mb']);
  const small = (attempt: Attempt) => trialOf(attempt, trips * TASKS_FOR_A_TRIP['pool-empty']);
  const moved = large(movedThrough(piscina));
  const nothing = small(emptyTo(piscina));
  const [question, empty] = ['pool-8mb', 'pool-empty'];
  return [
    { question, subject: 'processes', run: large(composedIn(processes)), yardstick: moved },
    { question, subject: 'threads', run: large(composedIn(threads)), yardstick: moved },
    { question, subject: 'processes, copied', run: large(copiedTo(processes)), yardstick: moved },
    { question: empty, subject: 'processes', run: small(emptyTo(processes)), yardstick: nothing },
    { question: empty, subject: 'threads', run: small(emptyTo(threads)), yardstick: nothing },
  ];
}

function emptyTo(pool: Pool | Piscina): Attempt {
  const options = { name: 'nothing' };
  return async () => {
    await pool.run(undefined, options);
  };
}

function composedIn(pool: Pool): Attempt {
  return async (number) => {
    const task = await pool.compose(shared(Uint8Array, BYTES), { name: 'fillComposed' });
    task.value.fill(number);
    const answer = await pool.request<Uint8Array>(task);
    check(answer.value, number);
    answer.release();
  };
}

function copiedTo(pool: Pool): Attempt {
  const task = new Uint8Array(BYTES);
  return async (number) => {
    check(await pool.run<Uint8Array>(task.fill(number), { name: 'fillOwn' }), number);
  };
}

function movedThrough(pool: Piscina): Attempt {
  let buffer = new Uint8Array(BYTES);
  return async (number) => {
    buffer.fill(number);
    buffer = await pool.run(buffer, { name: 'fillMoved', transferList: [buffer.buffer] });
    check(buffer, number);
  };
}

function check(answer: Uint8Array, number: number): void {
  const expected = (number + 1) % 256;
  if (answer.length === BYTES && answer[0] === expected && answer.at(-1) === expected) return;
  throw new Error('an answer is not the right one');
}
