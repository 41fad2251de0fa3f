import { shared } from '@pageferry/messages';
import { createPool, type Pool } from '@pageferry/workers';
import { Piscina } from 'piscina';
import type { Trial } from '../shared/workload.js';
import type { Group } from './groups.js';
import { type Comparison, interleave } from './interleave.js';
import { fill, mark, next, type Write } from './pool-tasks.js';

const BYTES = 8 * 2 ** 20;
/** Two tasks and two answers have room. */
const CHANNEL = { poolBytes: 4 * BYTES };
const MODULE = new URL('pool-tasks.js', import.meta.url);
/** Tasks that take about as long as 40 MB there and back by `child.send`. */
const TASKS_FOR_A_TRIP = { large: 50, copied: 50, short: 500 } as const;
/**
 * V8 compiles after so many calls, and not after so many bytes, and what waits for long is not what waits for a moment: short
 * tasks would not do. Of those that are copied each takes so long that this does not show.
 */
const WARM_UPS = { large: 8, copied: 1, short: 1 } as const;

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
 * long. The caller writes the one and the worker the other, each where it is sent from; piscina's go there and back in
 * transfer lists. Mostly both write the ends alone, so that it is the way that takes the time. Where they fill all of it, there
 * are two yardsticks: a worker that writes its answer over the task, and one whose answer is a new buffer. Beside the
 * first there is what all of them have to do, without any hand-over: nothing can be faster.
 */
export const poolGroup: Group = {
  aims: new Map([
    ['pool-8mb', 4],
    ['pool-8mb-to-empty', undefined],
    ['pool-8mb-filled', undefined],
    ['pool-8mb-filled-new', undefined],
    ['pool-empty', 0.83],
  ]),
  async measure(rounds, volume) {
    transferOnce();
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

/**
 * With the first buffer that a process transfers, V8 throws away what it has compiled for buffers that never are. Piscina's
 * first task would do that to what the others have warmed up.
 */
function transferOnce(): void {
  const buffer = new ArrayBuffer(1);
  structuredClone(buffer, { transfer: [buffer] });
}

/** Runs tasks one after the other. Before the first trial V8 gets some to compile. */
function trialOf(
  attempt: Attempt,
  kind: keyof typeof WARM_UPS,
  trips: number,
): () => Promise<Trial> {
  const count = trips * TASKS_FOR_A_TRIP[kind];
  let isWarm = false;
  return async () => {
    if (!isWarm) await repeat(attempt, count * WARM_UPS[kind]);
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
  const large = (attempt: Attempt) => trialOf(attempt, 'large', trips);
  const short = (attempt: Attempt) => trialOf(attempt, 'short', trips);
  const inProcesses = large(composedIn(processes, 'fillComposed', fill));
  const inThreads = large(composedIn(threads, 'fillComposed', fill));
  const markedInProcesses = short(composedIn(processes, 'markComposed', mark));
  const markedInThreads = short(composedIn(threads, 'markComposed', mark));
  const emptyInProcesses = short(emptyTo(processes));
  const emptyInThreads = short(emptyTo(threads));
  return [
    ...against('pool-8mb', short(movedThrough(piscina, 'markMoved', mark)), {
      processes: markedInProcesses,
      threads: markedInThreads,
    }),
    ...against('pool-8mb-to-empty', emptyInProcesses, { processes: markedInProcesses }),
    ...against('pool-8mb-to-empty', emptyInThreads, { threads: markedInThreads }),
    ...against('pool-8mb-filled', large(movedThrough(piscina, 'fillMoved', fill)), {
      processes: inProcesses,
      threads: inThreads,
      'processes, copied': trialOf(copiedTo(processes), 'copied', trips),
      'no pool, one buffer': large(filledHere(new Uint8Array(BYTES))),
      'no pool, two buffers': large(filledHere(new Uint8Array(BYTES), new Uint8Array(BYTES))),
    }),
    ...against('pool-8mb-filled-new', large(movedThrough(piscina, 'fillNew', fill)), {
      processes: inProcesses,
      threads: inThreads,
    }),
    ...against('pool-empty', short(emptyTo(piscina)), {
      processes: emptyInProcesses,
      threads: emptyInThreads,
    }),
  ];
}

/** Subjects with one yardstick. */
function against(
  question: string,
  yardstick: Comparison['yardstick'],
  subjects: Readonly<Record<string, Comparison['run']>>,
): readonly Comparison[] {
  return Object.entries(subjects).map(([subject, run]) => ({ question, subject, run, yardstick }));
}

/** What caller and worker compute, both of it here. */
function filledHere(task: Uint8Array, answer = task): Attempt {
  return async (number) => {
    task.fill(number);
    check(answer.fill(next(task)), number);
  };
}

function emptyTo(pool: Pool | Piscina): Attempt {
  const options = { name: 'nothing' };
  return async () => {
    await pool.run(undefined, options);
  };
}

function composedIn(pool: Pool, name: 'fillComposed' | 'markComposed', write: Write): Attempt {
  return async (number) => {
    const task = await pool.compose(shared(Uint8Array, BYTES), { name });
    write(task.value, number);
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

/** The answer's buffer is that of the next task. */
function movedThrough(
  pool: Piscina,
  name: 'fillMoved' | 'fillNew' | 'markMoved',
  write: Write,
): Attempt {
  let buffer = new Uint8Array(BYTES);
  return async (number) => {
    write(buffer, number);
    buffer = await pool.run(buffer, { name, transferList: [buffer.buffer] });
    check(buffer, number);
  };
}

function check(answer: Uint8Array, number: number): void {
  const expected = (number + 1) % 256;
  if (answer.length === BYTES && answer[0] === expected && answer.at(-1) === expected) return;
  throw new Error('an answer is not the right one');
}
