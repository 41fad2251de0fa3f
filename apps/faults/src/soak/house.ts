import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sender } from '@pageferry/core';
import { type BackendName, loadBackend } from '../backends.js';
import { openers } from '../killing/openers.js';
import { heldOf } from '../killing/plan.js';
import { codeOf } from '../killing/traffic.js';
import { VictimProcess } from '../killing/victim-process.js';
import { collectGarbage, leftoversSince, type Possessions, possessions } from '../leftovers.js';
import { LIMIT, pause } from '../until.js';
import { Door } from './door.js';
import type { GuestReport, GuestTask } from './guest.js';
import { growthIn } from './judge.js';
import { type Sample, Sampler } from './sample.js';
import { Stream } from './stream.js';
import { homeOf, type Kind, type Visit, visitOf } from './visit.js';
import { GUEST, type Home, receiveGuest } from './visits.js';

/** What a house does: this, for so long. */
export interface HouseTask {
  readonly seed: number;
  readonly backend: BackendName;
  readonly milliseconds: number;
}

/** What it tells: how it goes, what goes wrong, and in the end what has come of it. */
export type HouseSays =
  | { readonly sample: Sample; readonly isEvening: boolean }
  | { readonly fault: string }
  | { readonly summary: Summary };

/** What has come of all days. */
export interface Summary {
  readonly visits: Readonly<Record<Kind, number>>;
  readonly kills: number;
  readonly messages: number;
  readonly drops: number;
}

/** After each day all guests leave, and what is left is looked at. There are so many days, of so many milliseconds at least. */
const DAYS = { fewest: 2, most: 12, shortest: 20_000 };
/** So many guests are there at the same time. */
const GUESTS = 1;
/** How many samples are taken, beside those of the evenings. */
const SAMPLES = 240;

/**
 * A process with a sender, a listener and a receiver that stay, and with guests that come and go or die. Its argument is
 * a {@link HouseTask}.
 */
const task: HouseTask = JSON.parse(process.argv[2] ?? '');
const folder = mkdtempSync(join(tmpdir(), 'pageferry-soak-'));
// Pools meet their workers here: what they leave is seen.
process.env['XDG_RUNTIME_DIR'] = folder;
process.on('warning', () => undefined); // That a connection has failed is no news here.
// Whoever has started it may be gone.
const giveUp = (): never => process.exit(1);
process.once('disconnect', giveUp);

const sampler = new Sampler();
const visits: Record<Kind, number> = { receive: 0, send: 0, connect: 0, listen: 0, pool: 0 };
let kills = 0;
let lastVisit = 0;
const days = Math.min(
  DAYS.most,
  Math.max(DAYS.fewest, Math.floor(task.milliseconds / DAYS.shortest)),
);
let watch: NodeJS.Timeout | undefined;

/** Of those who have come to the door: who was killed, and how the house has seen them end. */
let killedAtDoor = 0;
const seenAtDoor: string[] = [];

const backend = await loadBackend(task.backend);
const home: Home = {
  backend,
  sampler,
  stream: { endpoint: join(folder, 'stream'), plan: homeOf(task.seed, task.backend, 'publish') },
  door: { endpoint: join(folder, 'door'), plan: homeOf(task.seed, task.backend, 'channel') },
  fresh: (number) => join(folder, `guest-${number}`),
  doorFault: fault,
  seen: (ending) => seenAtDoor.push(ending),
  fault: ({ number, kind, ending }, what) => fault(`visit ${number} (${kind}, ${ending}): ${what}`),
};

try {
  // Libraries that are loaded once, and watchers that Node keeps, belong to nobody.
  await receiveGuest(home, {
    ...visitOf(task.seed, task.backend, 0),
    kind: 'send',
    ending: 'leaves',
  });
  await pause(100);
  collectGarbage();
  const before = possessions(folder);
  await live();
  const left = await leftoversSince(before, folder);
  if (left !== undefined) fault(`at the end is left behind: ${left}`);
} catch (error) {
  fault(`a call rejects: ${codeOf(error)}`);
} finally {
  clearInterval(watch);
  await rm(folder, { recursive: true, force: true });
}
const { messages, drops } = sampler;
process.off('disconnect', giveUp);
// What a call that has rejected left open may keep a process alive.
tell({ summary: { visits, kills, messages, drops } }, () => process.exit());

async function live(): Promise<void> {
  const sender = await openers(backend, home.stream.plan, home.stream.endpoint).sender();
  const listener = await openers(backend, home.door.plan, home.door.endpoint).listener();
  const door = new Door(home, listener);
  const stream = new Stream(sender);
  const resident = await settle(sender);
  const takeSample = (isEvening: boolean): Sample => {
    stream.count(sampler);
    const sample = sampler.take(possessions(folder));
    tell({ sample, isEvening });
    return sample;
  };
  watch = setInterval(takeSample, Math.max(100, task.milliseconds / SAMPLES), false);
  const evenings: Sample[] = [];
  let morning: Possessions | undefined;
  for (let day = 0; day < days; day++) {
    await liveOneDay(stream);
    const left = morning && (await leftoversSince(morning, folder));
    if (left !== undefined) fault(`after day ${day} is left behind: ${left}`);
    morning ??= possessions(folder);
    collectGarbage();
    evenings.push(takeSample(true));
  }
  clearInterval(watch);
  await sender.close(LIMIT);
  const report = (await resident.left()) as GuestReport | undefined;
  for (const what of resident.faults) fault(`whoever stays ${what}`);
  if (report?.count !== stream.sent) {
    fault(`${report?.count} of ${stream.sent} messages have come to who stays`);
  }
  await door.close();
  const others = seenAtDoor.filter((ending) => ending !== 'end');
  const areDeaths = others.every((ending) => ending === 'PEER_DIED');
  if (!areDeaths || others.length !== killedAtDoor) {
    fault(`the door has seen ${others.join(', ')} when ${killedAtDoor} were killed`);
  }
  for (const growth of growthIn(evenings)) fault(growth);
}

/** Has the one receiver come that stays to the end, and gets every message. */
async function settle(sender: Sender): Promise<VictimProcess> {
  const visit: Visit = {
    ...visitOf(task.seed, task.backend, 0),
    kind: 'receive',
    ending: 'dies', // It stays for as long as there is something to receive.
    plan: { ...home.stream.plan, policy: 'wait' },
  };
  const resident = new VictimProcess(task.backend, GUEST);
  await resident.begin({ visit, endpoint: home.stream.endpoint } satisfies GuestTask);
  await sender.waitForReceivers(1, LIMIT);
  return resident;
}

/** Guests come and go, until it is evening and the last one has left. */
async function liveOneDay(stream: Stream): Promise<void> {
  const end = performance.now() + task.milliseconds / days;
  let isEvening = false;
  const sending = stream.send(home.stream.plan, () => isEvening);
  const lanes = Array.from({ length: GUESTS }, async () => {
    while (performance.now() < end) {
      const visit = visitOf(task.seed, task.backend, ++lastVisit);
      visits[visit.kind]++;
      const isDying = visit.ending === 'dies';
      if (isDying) kills++;
      if (isDying && visit.kind === 'connect') killedAtDoor++;
      await receiveGuest(home, visit);
    }
  });
  await Promise.all(lanes);
  isEvening = true;
  await sending;
  const { plan } = home.stream;
  if (!(await stream.haveAll(heldOf(plan)))) fault('whoever stays does not take what was sent');
}

function fault(what: string): void {
  tell({ fault: what });
}

function tell(says: HouseSays, onTold: () => void = () => undefined): void {
  process.send?.(says, onTold);
}
