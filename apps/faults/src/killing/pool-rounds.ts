import { readdirSync, readFileSync } from 'node:fs';
import type { Backend } from '../backends.js';
import { Random } from '../random.js';
import { pause, until } from '../until.js';
import type { Plan } from './plan.js';
import { openPool, runForEver, runTask, WORKERS, Workers } from './pool.js';
import type { Outcome } from './round.js';
import { codeOf } from './traffic.js';
import { isStopped, VictimProcess } from './victim-process.js';

const TASKS = 6;

/** What has come of a round with a pool. */
class Notes implements Outcome {
  delivered = 0;
  readonly learned: number[] = [];
  readonly faults: string[] = [];

  expect(isSo: boolean, otherwise: string): void {
    if (!isSo) this.faults.push(otherwise);
  }
}

/** A worker of a pool is killed. The pool stays, and has as many workers as before in the end. */
export async function killWorker(workers: Workers, plan: Plan): Promise<Outcome> {
  const notes = new Notes();
  await expectAllAlive(workers, notes, 'before the round');
  workers.forgetTheGone();
  const deaths = workers.pool.stats().deaths + (plan.point === 'handshake' ? 2 : 1);
  const holding = plan.point === 'holding' ? runForEver(workers.pool).catch(codeOf) : undefined;
  if (holding !== undefined) await until(() => workers.busy !== undefined);
  const victim = await victimOf(workers, plan, notes);
  const isIdle = plan.point === 'parked';
  const tasks = isIdle ? undefined : runTasks(workers, plan, notes);
  await stopAndKill(workers, victim, plan, notes);
  const isSeen = plan.point === 'handshake' || (await until(() => isGone(workers, victim)));
  notes.expect(isSeen, 'the pool does not see a death');
  await (tasks ?? runTasks(workers, plan, notes));
  const ending = await holding;
  notes.expect(ending === undefined || ending === 'PEER_DIED', `what was held ends with ${ending}`);
  await expectAllAlive(workers, notes, 'after the round');
  await until(() => workers.pool.stats().deaths === deaths);
  const tooMany = workers.pool.stats().deaths - deaths;
  notes.expect(tooMany === 0, `the pool knows of ${tooMany} deaths beyond those that there were`);
  return notes;
}

/** A worker is killed while its pool closes. */
export async function killWhileClosing(
  backend: Backend,
  plan: Plan,
  marker: string,
): Promise<Outcome> {
  const notes = new Notes();
  const workers = new Workers(openPool(backend, marker, 1));
  await workers.pool.ready();
  const tasks = Promise.allSettled([0, 1].map((number) => runTask(workers.pool, plan, number)));
  const victim = workers.alive[0] ?? 0;
  const closing = workers.close().catch(codeOf);
  await pause(plan.delay);
  // It may have ended in order by now.
  if (!isGone(workers, victim)) killIfThere(victim);
  const ending = await closing;
  notes.expect(ending === undefined, `the pool does not close: ${ending}`);
  for (const task of await tasks) {
    if (task.status === 'fulfilled') {
      notes.delivered++;
      notes.expect(task.value, 'an answer is not whole');
    } else {
      const code = codeOf(task.reason);
      notes.expect(['PEER_DIED', 'CLOSED'].includes(code), `a task ends with ${code}`);
    }
  }
  return notes;
}

/** The process that has a pool is killed: its workers end. */
export async function killOwner(plan: Plan, marker: string): Promise<Outcome> {
  const notes = new Notes();
  const victim = new VictimProcess(plan.backend);
  await victim.begin({ plan, endpoint: marker });
  await victim.kill(plan);
  const areAllGone = await until(() => processesWith(marker) === 0);
  notes.expect(areAllGone, `${processesWith(marker)} workers outlive the process of their pool`);
  return { ...notes, faults: [...notes.faults, ...victim.faults] };
}

async function expectAllAlive(workers: Workers, notes: Notes, when: string): Promise<void> {
  const areAll = await until(() => workers.alive.length === WORKERS);
  notes.expect(areAll, `${when} the pool has ${workers.alive.length} workers of ${WORKERS}`);
}

function isGone(workers: Workers, pid: number): boolean {
  return workers.goneAt(pid) !== undefined;
}

/** Who is to be killed: one that starts, the one that holds a task, or any. */
async function victimOf(workers: Workers, plan: Plan, notes: Notes): Promise<number> {
  const anyOne = new Random(plan.lengths, 'pool').oneOf(workers.alive);
  if (plan.point === 'holding') return workers.busy ?? anyOne;
  if (plan.point !== 'handshake') return anyOne;
  // One starts when another one has died.
  killIfThere(anyOne);
  let starting: number | undefined;
  const isStarted = await until(() => {
    starting = childrenOfThis().find(
      (pid) => pid !== anyOne && !workers.alive.includes(pid) && !isGone(workers, pid),
    );
    return starting !== undefined;
  });
  notes.expect(isStarted, 'no worker is started in place of one that was killed');
  return starting ?? anyOne;
}

async function stopAndKill(
  workers: Workers,
  victim: number,
  plan: Plan,
  notes: Notes,
): Promise<void> {
  await pause(plan.delay);
  if (plan.stop !== 'never') {
    signal(workers, victim, 'SIGSTOP', notes);
    await until(() => isStopped(victim));
    await pause(plan.stopped);
    notes.expect(!isGone(workers, victim), 'a worker that is stopped is taken for dead');
    if (plan.stop === 'killed-after') {
      signal(workers, victim, 'SIGCONT', notes);
      await pause(plan.stopped);
    }
  }
  const killedAt = performance.now();
  signal(workers, victim, 'SIGKILL', notes);
  if (plan.point === 'handshake') return;
  await until(() => isGone(workers, victim));
  notes.learned.push((workers.goneAt(victim) ?? Number.NaN) - killedAt);
}

/** Has the pool run tasks, and looks at what each of them ends with. */
async function runTasks(workers: Workers, plan: Plan, notes: Notes): Promise<void> {
  const random = new Random(plan.lengths, 'tasks');
  let lost = 0;
  const tasks = Array.from({ length: TASKS }, async (_, number) => {
    const retries = random.below(2);
    try {
      const isRight = await runTask(workers.pool, plan, number, retries);
      notes.delivered++;
      notes.expect(isRight, `the answer to task ${number} is not whole`);
    } catch (error) {
      lost++;
      notes.expect(codeOf(error) === 'PEER_DIED', `a task ends with ${codeOf(error)}`);
      // Nobody but this worker dies before the round is over.
      notes.expect(retries === 0, 'a task that is run again has ended with PEER_DIED');
      const { signalCode } = error as { signalCode?: unknown };
      notes.expect(signalCode === 'SIGKILL', 'the error of a task does not tell of SIGKILL');
    }
  });
  await Promise.all(tasks);
  notes.expect(lost <= 1, `${lost} tasks are lost with one worker that has one at a time`);
}

/** Signals one that has to be there still. */
function signal(workers: Workers, pid: number, name: NodeJS.Signals, notes: Notes): void {
  try {
    process.kill(pid, name);
  } catch {
    notes.expect(false, `a worker has ended by itself before ${name}: ${codeOf(workers.lastLoss)}`);
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

function childrenOfThis(): readonly number[] {
  const pids = readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1');
  return pids.split(' ').filter(Boolean).map(Number);
}

/** How many processes have `marker` among their arguments; those that have ended have none. */
function processesWith(marker: string): number {
  const isOne = (pid: string): boolean => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').includes(marker);
    } catch {
      return false; // It has just ended.
    }
  };
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isOne(name)).length;
}
