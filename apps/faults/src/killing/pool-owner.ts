import type { Backend } from '../backends.js';
import { pause } from '../until.js';
import type { Plan } from './plan.js';
import { openPool, runForEver, runTask } from './pool.js';

/** Has a pool of its own until it is killed: what the victim does in a round in which its workers live on. */
export async function own(
  backend: Backend,
  plan: Plan,
  marker: string,
  sayAt: () => void,
): Promise<void> {
  const pool = openPool(backend, marker);
  const isPossible = plan.point === 'closing' ? isClosed : isNothing;
  await pool.ready();
  sayAt();
  if (plan.point === 'parked') await pause(2 ** 31 - 1);
  else if (plan.point === 'holding') await Promise.all([runForEver(pool), runForEver(pool)]);
  else {
    const working = [0, 1, 2].map((lane) => runTasks(lane));
    if (plan.point === 'closing') await pool.close();
    await Promise.all(working);
  }

  async function runTasks(lane: number): Promise<void> {
    try {
      for (let number = lane; ; number += 3) {
        if (!(await runTask(pool, plan, number))) throw new Error(`task ${number} is not whole`);
      }
    } catch (error) {
      if (!isPossible(error)) throw error;
    }
  }
}

function isClosed(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'CLOSED';
}

function isNothing(): boolean {
  return false;
}
