import { mkdtempSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BackendName, backendOf } from '../backends.js';
import { leftoversSince, possessions } from '../leftovers.js';
import { LIMIT, pause } from '../until.js';
import { killComer, killListener } from './channels.js';
import { openers } from './openers.js';
import { type Pattern, type Plan, planOf } from './plan.js';
import { Workers } from './pool.js';
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

/**
 * A process in which those live who are not killed: its argument is a {@link StageTask}. Should a death take it along,
 * the runner sees that.
 */
const task: StageTask = JSON.parse(process.argv[2] ?? '');
const folder = mkdtempSync(join(tmpdir(), 'pageferry-faults-'));
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
process.disconnect();

async function playRounds(): Promise<void> {
  const victims = new Victims();
  await warmUp();
  let before = possessions(folder);
  for (const number of task.rounds) {
    const plan = planOf(task.seed, task.backend, task.pattern, number);
    const victim = victims.take();
    const round = new Round(plan, join(folder, `endpoint-${number}`), victim);
    try {
      await scenarioOf(plan)(round);
    } catch (error) {
      round.fault(`a call rejects: ${error instanceof Error ? error.stack : codeOf(error)}`);
      if (victim.killedAt === undefined) await victim.end();
    }
    if (plan.point === 'handshake') await removeHiddenFolders();
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
  const workers = new Workers(task.backend);
  for (const number of task.rounds) {
    const plan = planOf(task.seed, task.backend, task.pattern, number);
    const outcome = await workers.round(plan);
    const isLast = number === task.rounds.at(-1);
    if (isLast) await workers.close();
    const left = isLast ? await leftoversSince(before, folder) : undefined;
    const faults =
      left === undefined ? outcome.faults : [...outcome.faults, `is left behind: ${left}`];
    tell({ plan, ...outcome, faults });
  }
}

/**
 * Removes what `@pageferry/socket` leaves when it is killed in the very moment in which it binds: a hidden folder, in which
 * its socket gets its mode before anybody else can reach it. No system call does both at once; docs/reliability.md tells of it.
 */
async function removeHiddenFolders(): Promise<void> {
  const hidden = (await readdir(folder)).filter((name) => name.startsWith('.pf-'));
  for (const name of hidden) await rm(join(folder, name), { recursive: true });
}

/** Opens what stays open for good once it was used, such as the library of a binding. */
async function warmUp(): Promise<void> {
  const plan = planOf(task.seed, task.backend, 'publish', 0);
  const open = openers(backendOf(task.backend), plan, join(folder, 'endpoint'));
  const sender = await open.sender();
  const receiver = await open.receiver('wait');
  await sender.waitForReceivers(1, LIMIT);
  await Promise.all([sender.close(LIMIT), receiver.receive(LIMIT)]);
  await receiver.close();
  await pause(100); // Watchers give back in later turns of the event loop.
}

function tell(report: RoundReport): void {
  process.send?.(report);
}
