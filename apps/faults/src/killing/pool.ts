import type { Transport } from '@pageferry/core';
import { createPool, type Pool, type WorkerInfo } from '@pageferry/workers';
import { backendOf } from '../backends.js';
import { isWhole, write } from '../message.js';
import { Random } from '../random.js';
import { LIMIT, pause, until } from '../until.js';
import { lengthOf, type Plan } from './plan.js';
import type { Outcome } from './round.js';
import { codeOf } from './traffic.js';

const WORKERS = 2;
const TASKS = 6;

/** A pool, and whom of it a round may kill. */
export class Workers {
  readonly #pool: Pool;
  readonly #alive = new Set<number>();
  readonly #gone = new Map<number, number>();

  constructor(backend: Plan['backend']) {
    const { transport, options } = backendOf(backend);
    this.#pool = createPool(new URL('task.js', import.meta.url), {
      ...moduleOf(transport),
      size: WORKERS,
      channel: { ...options, poolBytes: 16 * 1024 * 1024 },
      backOff: { first: 1, longest: 10 },
    });
    this.#pool.on('workerCreate', ({ id }) => id !== undefined && this.#alive.add(id));
    this.#pool.on('workerDestroy', ({ id }: WorkerInfo) => {
      if (id === undefined) return;
      this.#alive.delete(id);
      this.#gone.set(id, performance.now());
    });
  }

  /** Has the pool run some tasks, kills one of its workers meanwhile, and looks at what each task has ended with. */
  async round(plan: Plan): Promise<Outcome> {
    const faults: string[] = [];
    const random = new Random(plan.lengths, 'pool');
    if (!(await until(() => this.#alive.size === WORKERS)))
      faults.push('no worker is started anew');
    let delivered = 0;
    let lost = 0;
    const tasks = Array.from({ length: TASKS }, async (_, number) => {
      const task = new Uint8Array(lengthOf(plan, number));
      write(task, number);
      const retries = random.below(2);
      try {
        const answer = await this.#pool.run<Uint8Array>({ task, number }, { retries });
        delivered++;
        const isRight = answer.length === task.length && isWhole(answer, number + 1);
        if (!isRight) faults.push(`the answer to task ${number} is not whole`);
      } catch (error) {
        lost++;
        if (codeOf(error) !== 'PEER_DIED') faults.push(`a task ends with ${codeOf(error)}`);
        // Nobody but this worker dies before the round is over.
        else if (retries > 0) faults.push('a task that is run again has ended with PEER_DIED');
        else if ((error as { signalCode?: unknown }).signalCode !== 'SIGKILL') {
          faults.push('the error of a task does not tell of SIGKILL');
        }
      }
    });
    const victim = random.oneOf([...this.#alive]);
    await pause(plan.delay);
    if (plan.stop !== 'never') {
      process.kill(victim, 'SIGSTOP');
      await pause(3);
      if (this.#gone.has(victim)) faults.push('a worker that is stopped is taken for dead');
      if (plan.stop === 'killed-after') process.kill(victim, 'SIGCONT');
    }
    const killedAt = performance.now();
    process.kill(victim, 'SIGKILL');
    if (!(await until(() => this.#gone.has(victim)))) faults.push('the pool does not see a death');
    await Promise.all(tasks);
    if (lost > 1) faults.push(`${lost} tasks are lost with one worker that has one at a time`);
    return { delivered, learned: [(this.#gone.get(victim) ?? 0) - killedAt], faults };
  }

  async close(): Promise<void> {
    await this.#pool.close(LIMIT);
  }
}

function moduleOf(transport: Transport): { transport: Transport; transportModule: string } {
  return { transport, transportModule: import.meta.resolve(`@pageferry/${transport.name}`) };
}
