import { rm } from 'node:fs/promises';
import type { Backend } from '../backends.js';
import { openers } from '../killing/openers.js';
import type { Plan } from '../killing/plan.js';
import { openPool, runTask, Workers } from '../killing/pool.js';
import { codeOf, type Ending, follow } from '../killing/traffic.js';
import { VictimProcess } from '../killing/victim-process.js';
import { pause } from '../until.js';
import type { GuestReport, GuestTask } from './guest.js';
import type { Sampler } from './sample.js';
import { talk } from './talk.js';
import type { Visit } from './visit.js';

/** The program of a guest. */
export const GUEST = new URL('guest.js', import.meta.url);

/** The place that guests come to: what all visits share. */
export interface Home {
  readonly backend: Backend;
  readonly sampler: Sampler;
  /** Where a sender and a listener are from the beginning to the end, and what they send. */
  readonly stream: { readonly endpoint: string; readonly plan: Plan };
  readonly door: { readonly endpoint: string; readonly plan: Plan };
  /** An endpoint that nobody else has. */
  fresh(number: number): string;
  fault(visit: Visit, what: string): void;
  /** Something is wrong at the door. */
  doorFault(what: string): void;
  /** Somebody who has come to the door has ended so. */
  seen(ending: Ending): void;
}

/** Has a guest come, stay and end. Resolves when everything of it is gone. */
export async function receiveGuest(home: Home, visit: Visit): Promise<void> {
  if (visit.kind === 'pool') await runPool(home, visit);
  else if (visit.kind === 'receive') await withGuest(home, visitTo(visit, home.stream));
  else if (visit.kind === 'connect') await withGuest(home, visitTo(visit, home.door));
  else await withGuest(home, { visit, endpoint: home.fresh(visit.number) });
}

/** A visit to what the house has all the time, which sends as the house does. */
function visitTo(visit: Visit, { plan, endpoint }: Home['stream']): GuestTask {
  const { lengths, point } = plan;
  return { visit: { ...visit, plan: { ...visit.plan, lengths, point } }, endpoint };
}

async function withGuest(home: Home, task: GuestTask): Promise<void> {
  const { visit, endpoint } = task;
  const guest = new VictimProcess(visit.plan.backend, GUEST);
  try {
    await guest.begin(task);
    const meeting = meet(home, visit, endpoint);
    meeting.catch(() => undefined); // It is awaited later.
    let report: GuestReport | undefined;
    if (visit.ending === 'dies') await guest.kill(visit.plan);
    else report = (await guest.left()) as GuestReport | undefined;
    const met = await meeting;
    if (met !== undefined) judge(home, visit, met, report);
  } catch (error) {
    home.fault(visit, `a call rejects: ${codeOf(error)}`);
    if (guest.killedAt === undefined) await guest.end();
  }
  // The next one to open the same endpoint would remove what a dead one has left there; nobody does.
  if (visit.ending === 'dies' && endpoint === home.fresh(visit.number)) {
    await rm(endpoint, { force: true });
  }
  for (const fault of guest.faults) home.fault(visit, `the guest ${fault}`);
}

/** What the house has seen of a guest that came with something of its own. */
interface Met {
  readonly ending: Ending;
  /** How many messages have come to a receiver of the house. */
  readonly count?: number;
}

/** Goes to what a guest has opened; those who come to what the house has are met there. */
async function meet(home: Home, visit: Visit, endpoint: string): Promise<Met | undefined> {
  const { plan, kind } = visit;
  if (kind !== 'send' && kind !== 'listen') return undefined;
  const open = openers(home.backend, plan, endpoint);
  const witness = {
    delivered: () => home.sampler.add(1),
    fault: (what: string) => home.fault(visit, what),
  };
  if (kind === 'listen') {
    const channel = await open.channel();
    const ending = await talk(channel, plan, mostOfHouse(visit), witness, true);
    return { ending };
  }
  const receiver = await open.receiver(plan.policy);
  const { ending, count } = await follow(receiver, plan, witness, plan.policy === 'wait');
  const { messagesDropped = 0 } = receiver.stats() as { messagesDropped?: number };
  home.sampler.add(0, messagesDropped);
  await receiver.close();
  return { ending, ...(plan.policy === 'wait' && { count }) };
}

/** Whoever is killed is so before the house is done. */
function mostOfHouse({ ending, most }: Visit): number {
  return ending === 'dies' ? Number.POSITIVE_INFINITY : most;
}

function judge(
  home: Home,
  visit: Visit,
  { ending, count }: Met,
  report: GuestReport | undefined,
): void {
  const expected = visit.ending === 'dies' ? 'PEER_DIED' : 'end';
  if (ending !== expected) home.fault(visit, `the house sees ${ending}`);
  if (report === undefined || count === undefined) return;
  if (count !== report.count) home.fault(visit, `${count} of ${report.count} messages have come`);
}

/** A pool that comes, works and goes. One of its workers dies in between, or none. */
async function runPool(home: Home, visit: Visit): Promise<void> {
  const { plan, most, ending } = visit;
  const isKilling = ending === 'dies';
  const pool = openPool(home.backend, home.fresh(visit.number), 1);
  const workers = new Workers(pool);
  try {
    await pool.ready();
    const killing = isKilling ? killSoon(workers, plan) : undefined;
    killing?.catch(() => undefined); // It is awaited later.
    for (let number = 0; number < most / 10; number++) {
      const isRight = await runTask(pool, plan, number, 1);
      home.sampler.add(2);
      if (!isRight) home.fault(visit, `the answer to task ${number} is not whole`);
    }
    await killing;
  } catch (error) {
    home.fault(visit, `a task ends with ${codeOf(error)}`);
  }
  await workers.close();
}

async function killSoon(workers: Workers, { delay }: Plan): Promise<void> {
  const [worker] = workers.alive;
  await pause(delay / 10);
  if (worker !== undefined) process.kill(worker, 'SIGKILL');
}
