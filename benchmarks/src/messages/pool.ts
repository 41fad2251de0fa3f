import { measureRounds } from '@pageferry/measuring/rounds';
import { ratios } from '@pageferry/measuring/statistics';
import { shared } from '@pageferry/messages';
import { createPool, type Pool } from '@pageferry/workers';
import { Piscina } from 'piscina';

/** How often one pool was as fast as its yardstick, round by round. */
export interface MeasuredPool {
  readonly question: string;
  readonly subject: string;
  /** The time of the yardstick over that of the subject: above 1 is faster. One for each round. */
  readonly ratios: readonly number[];
}

/** How much is to be done. */
export interface PoolVolume {
  /** Questions that are asked for. Default: all. */
  readonly asked?: readonly string[];
  readonly log?: (line: string) => void;
}

/** The questions, each with how many times as fast as piscina the pool should be. */
export const poolAims: ReadonlyMap<string, number> = new Map([
  ['pool-8mb', 1],
  ['pool-empty', 1],
]);

const BYTES = 8 * 2 ** 20;
/** Two tasks and two answers have room. */
const CHANNEL = { poolBytes: 4 * BYTES };
const MODULE = new URL('pool-tasks.js', import.meta.url);
const WARM_UP = { 'pool-8mb': 20, 'pool-empty': 3000 } as const;
const TASKS = { 'pool-8mb': 50, 'pool-empty': 3000 } as const;

type Question = keyof typeof TASKS;

/** One task, and the check of its answer. */
type Attempt = (number: number) => Promise<void>;

/** The pools that are compared: one worker each, so that what is measured is the way there and back. */
interface Contenders {
  readonly processes: Pool;
  readonly threads: Pool;
  readonly piscina: Piscina;
}

interface Comparison {
  readonly question: Question;
  readonly subject: string;
  readonly run: Attempt;
  readonly yardstick: Attempt;
}

/**
 * Has tasks run by a pool of one worker, and by one of piscina's: empty ones, and ones with a buffer of 8 MiB and an
 * answer as long. The caller fills the one and the worker the other, each where it is sent from; piscina's go there and
 * back in transfer lists.
 */
export async function measurePools(
  rounds: number,
  { asked = [...poolAims.keys()], log = () => undefined }: PoolVolume = {},
): Promise<readonly MeasuredPool[]> {
  const options = { size: 1, channel: CHANNEL };
  const contenders = {
    processes: createPool(MODULE, options),
    threads: createPool(MODULE, { ...options, threads: true }),
    piscina: new Piscina({ filename: MODULE.href, minThreads: 1, maxThreads: 1 }),
  };
  try {
    const wanted = comparisonsOf(contenders).filter(({ question }) => asked.includes(question));
    return await compare(wanted, rounds, log);
  } finally {
    await contenders.processes.close();
    await contenders.threads.close();
    await contenders.piscina.destroy();
  }
}

async function compare(
  comparisons: readonly Comparison[],
  rounds: number,
  log: (line: string) => void,
): Promise<readonly MeasuredPool[]> {
  // A yardstick serves several subjects.
  const attempts = new Map(
    comparisons.flatMap(({ question, run, yardstick }) => [
      [yardstick, question] as const,
      [run, question] as const,
    ]),
  );
  for (const [attempt, question] of attempts) await repeat(attempt, WARM_UP[question]);
  const trials = await measureRounds(
    [...attempts],
    rounds,
    async ([attempt, question]) => {
      const begin = performance.now();
      await repeat(attempt, TASKS[question]);
      return performance.now() - begin;
    },
    (round) => log(`${round}: ${[...new Set(attempts.values())].join(', ')}`),
  );
  const times = new Map([...trials].map(([[attempt], each]) => [attempt, each]));
  return comparisons.map(({ question, subject, run, yardstick }) => ({
    question,
    subject,
    ratios: ratios(times.get(yardstick) ?? [], times.get(run) ?? []),
  }));
}

async function repeat(attempt: Attempt, count: number): Promise<void> {
  for (let number = 0; number < count; number++) await attempt(number % 256);
}

function comparisonsOf({ processes, threads, piscina }: Contenders): readonly Comparison[] {
  const emptyTask = async (): Promise<void> => {
    await piscina.run(undefined, { name: 'nothing' });
  };
  const moved = movedThrough(piscina);
  const empty = (pool: Pool) => async (): Promise<void> => {
    await pool.run(undefined, { name: 'nothing' });
  };
  return [
    { question: 'pool-8mb', subject: 'processes', run: composedIn(processes), yardstick: moved },
    { question: 'pool-8mb', subject: 'threads', run: composedIn(threads), yardstick: moved },
    {
      question: 'pool-8mb',
      subject: 'processes, copied',
      run: copiedTo(processes),
      yardstick: moved,
    },
    { question: 'pool-empty', subject: 'processes', run: empty(processes), yardstick: emptyTask },
    { question: 'pool-empty', subject: 'threads', run: empty(threads), yardstick: emptyTask },
  ];
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
