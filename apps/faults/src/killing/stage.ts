import { mkdtempSync } from 'node:fs';
import { readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BackendName, loadBackend } from '../backends.js';
import { leftoversSince, type Possessions, possessions } from '../leftovers.js';
import { LIMIT, pause } from '../until.js';
import { killComer, killListener } from './channels.js';
import { openers } from './openers.js';
import { type Pattern, type Plan, planOf } from './plan.js';
import { openPool, Workers } from './pool.js';
import { killOwner, killWhileClosing, killWorker } from './pool-rounds.js';
import { killReceiver, killSender } from './publish.js';
import { type Outcome, Round } from './round.js';
import { codeOf } from './traffic.js';
import { Victims } from './victim-process.js';

/** What a stage plays: these rounds of one pattern over one backend. */
export interface StageTask {
  readonly seed: number;
  readonly backend: BackendName;
  readonly pattern: Pattern;
  readonly rounds: readonly number[];
}

/** What it tells of each round. */
export interface RoundReport extends Outcome {
  readonly plan: Plan;
}

/** What it says, in the end that it is over. */
export type StageSays = RoundReport | { readonly over: true };

/**
 * A process in which those live who are not killed: its argument is a {@link StageTask}. Should a death take it along,
 * the runner sees that.
 */
const task: StageTask = JSON.parse(process.argv[2] ?? '');
const folder = mkdtempSync(join(tmpdir(), 'pageferry-faults-'));
// Pools, those of victims too, meet their workers here: what they leave is seen.
process.env['XDG_RUNTIME_DIR'] = folder;
const backend = await loadBackend(task.backend);
process.on('warning', () => undefined); // That a connection has failed is no news here.
// Whoever has started it may be gone.
const giveUp = () => process.exit(1);
process.once('disconnect', giveUp);
try {
  await (task.pattern === 'pool' ? playPool() : playRounds());
} finally {
  await rm(folder, { recursive: true });
}
process.off('disconnect', giveUp);
// What a call that has rejected left open may keep a process alive.
process.send?.({ over: true } satisfies StageSays, () => process.exit());

async function playRounds(): Promise<void> {
  const victims = new Victims(task.backend);
  await warmUp();
  let before = possessions(folder);
  for (const number of task.rounds) {
    const plan = planOf(task.seed, task.backend, task.pattern, number);
    const victim = victims.take();
    const round = new Round(backend, plan, join(folder, `endpoint-${number}`), victim);
    try {
      await scenarioOf(plan)(round);
    } catch (error) {
      round.fault(`a call rejects: ${error instanceof Error ? error.stack : codeOf(error)}`);
      if (victim.killedAt === undefined) await victim.end();
    }
    if (plan.point === 'handshake') await sweepFolders('.pf-', openOnce);
    const left = await leftoversSince(before, folder);
    if (left !== undefined) round.fault(`is left behind: ${left}`);
    tell({ plan, ...round.outcome });
    if (left !== undefined) before = possessions(folder); // What is left counts once.
  }
  await victims.close();
}

function scenarioOf({ pattern, victim }: Plan): (round: Round) => Promise<void> {
  if (pattern === 'publish') return victim === 'opener' ? killSender : killReceiver;
  return victim === 'opener' ? killListener : killComer;
}

async function playPool(): Promise<void> {
  await warmUp();
  const before = possessions(folder);
  const workers = new Workers(openPool(backend, folder));
  await workers.pool.ready();
  let beforeRound = possessions(folder);
  for (const number of task.rounds) {
    const plan = planOf(task.seed, task.backend, task.pattern, number);
    const outcome = await playPoolRound(workers, plan, join(folder, `marker-${number}`));
    const isLast = number === task.rounds.at(-1);
    if (isLast) await workers.close();
    if (plan.victim === 'opener' && plan.point === 'handshake') {
      await sweepFolders('pageferry-meeting-', openPoolOnce);
    }
    const left = await leftoversSince(isLast ? before : filesOf(beforeRound), folder);
    const faults = left === undefined ? [] : [`is left behind: ${left}`];
    tell({ plan, ...outcome, faults: [...outcome.faults, ...faults] });
    if (left !== undefined) beforeRound = possessions(folder); // What is left counts once.
  }
}

/** What a round may leave of files; of all else a pool that lives keeps some for the next task. */
function filesOf({ files }: Possessions): Possessions {
  return { descriptors: Number.POSITIVE_INFINITY, mappings: Number.POSITIVE_INFINITY, files };
}

function playPoolRound(workers: Workers, plan: Plan, marker: string): Promise<Outcome> {
  if (plan.victim === 'opener') return killOwner(plan, marker);
  if (plan.point === 'closing') return killWhileClosing(backend, plan, marker);
  return killWorker(workers, plan);
}

/**
 * Has removed what is left by a process that was killed in the very moment in which it bound a socket (over
 * `@pageferry/socket`, which does so in a hidden folder), or before it had started the child that would come to the place
 * where they meet: makes it look old, and opens there once more.
 */
async function sweepFolders(prefix: string, openAgain: () => Promise<void>): Promise<void> {
  const left = (await readdir(folder)).filter((name) => name.startsWith(prefix));
  for (const name of left) {
    const path = join(folder, name);
    // Not the times of a socket: by them its owner knows it.
    const inner = (await readdir(path)).filter((name) => name.startsWith('.pf-'));
    for (const name of inner) await utimes(join(path, name), 0, 0);
    await utimes(path, 0, 0);
  }
  if (left.length > 0) await openAgain();
}

async function openOnce(): Promise<void> {
  const plan = planOf(task.seed, task.backend, 'publish', 0);
  await (await openers(backend, plan, join(folder, 'sweeper')).sender()).close(LIMIT);
}

async function openPoolOnce(): Promise<void> {
  const pool = openPool(backend, folder);
  await pool.ready();
  await pool.close(LIMIT);
}

/** Opens what stays open for good once it was used, such as the library of a binding. */
async function warmUp(): Promise<void> {
  const plan = planOf(task.seed, task.backend, 'publish', 0);
  const open = openers(backend, plan, join(folder, 'endpoint'));
  const sender = await open.sender();
  const receiver = await open.receiver('wait');
  await sender.waitForReceivers(1, LIMIT);
  await Promise.all([sender.close(LIMIT), receiver.receive(LIMIT)]);
  await receiver.close();
  await pause(100); // Watchers give back in later turns of the event loop.
}

function tell(report: RoundReport): void {
  process.send?.(report satisfies StageSays);
}
