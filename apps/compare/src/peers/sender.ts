import { isMainThread } from 'node:worker_threads';
import { type Quantiles, quantilesOf } from '@pageferry/measuring/statistics';
import type { AskingSide, ChannelModule, RequestModule, SendingSide } from '../channels/channel.js';
import { isAnswered } from '../plan/scenarios.js';
import type { Task, TrialReport, Usage } from '../trials/task.js';
import { exchangeAll } from './exchanges.js';
import { payloadOf } from './payload.js';
import { ReceiverFailed, reasonOf } from './protocol.js';
import { type RemoteReceiver, startReceivers } from './receivers.js';
import { addUsage, usageBetween, usageOfProcess } from './usage.js';

/** What the runner gets from the sending process of a trial. */
export type SenderReport =
  | { readonly kind: 'measured'; readonly trial: TrialReport }
  | { readonly kind: 'verified' }
  /** Bytes were lost, doubled, reordered or changed. */
  | { readonly kind: 'spoiled'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

const VERIFIED_BYTES = 4 * 1024 * 1024;
const VERIFIED_MESSAGES = 256;
const MOST_ROUND_TRIPS = 1_000_000;
/** In milliseconds; see {@link afterPatience}. */
const PATIENCE = 5000;

/** In requests there is nothing but answers to wait for. */
type Side = SendingSide | AskingSide;

const task = JSON.parse(process.argv[2] ?? '') as Task;
const payload = payloadOf(task);
const answered = isAnswered(task.scenario);
let receivers: readonly RemoteReceiver[] = [];

if (!isMainThread) throw new Error('the sending side is a process');
// Without the runner, nobody wants this trial: the whole group goes, receivers and drains too.
process.once('disconnect', () => process.kill(-process.pid, 'SIGKILL'));
perform().then(tell, (error) => tell({ kind: 'failed', reason: reasonOf(error) }));

async function perform(): Promise<SenderReport> {
  const channel = (await import(task.channel.module)) as ChannelModule | RequestModule;
  receivers = startReceivers(task, channel);
  const listening = await channel.listen(task, receivers);
  for (const each of receivers) each.tell({ order: 'connect', address: listening.address });
  const connecting = Promise.all(receivers.map((each) => each.next('ready')));
  const [side] = await Promise.all([listening.connected(), connecting]);
  return task.verify ? verify(side) : { kind: 'measured', trial: await measure(side) };
}

async function measure(side: Side): Promise<TrialReport> {
  // First the memory is written, then V8 compiles the loop; and the last time tells the pace.
  const { count: begun } = await reach(side, 1, task.warmUpMilliseconds / 10);
  payload.settle();
  const { nanoseconds: warm, count: reached } = await reach(side, begun, task.warmUpMilliseconds);
  const fitting = Math.ceil((reached * task.measureMilliseconds) / (warm / 1e6));
  const { count, nanoseconds, usage } = await reach(side, fitting, task.measureMilliseconds / 2);
  return {
    messages: count,
    nanoseconds,
    usage,
    roundTrip: answered ? await timeOneByOne(side, count) : undefined,
    knobs: { ...side.knobs, messages: count },
  };
}

/**
 * Times of single round trips, in a pass of their own: a look at the clock takes a good part of a round trip in
 * which both sides poll, and would be part of the mean.
 */
async function timeOneByOne(side: Side, count: number): Promise<Quantiles> {
  const times = new Float64Array(count);
  // V8 has to learn first that there is a clock now.
  await phase(side, Math.ceil(count / 4), times);
  await phase(side, count, times);
  return quantilesOf(times);
}

/** Sends messages, and again with more of them until that takes so long. Resolves to the last time. */
async function reach(side: Side, first: number, milliseconds: number) {
  const enough = milliseconds * 1e6;
  for (let count = first; ; ) {
    const most = answered ? MOST_ROUND_TRIPS : Number.POSITIVE_INFINITY;
    count = Math.min(most, count);
    const result = await phase(side, count);
    if (result.nanoseconds >= enough || count === most) return { ...result, count };
    count = Math.ceil(count * Math.min(16, Math.max(2, (1.2 * enough) / result.nanoseconds)));
  }
}

/** Sends a number of messages, from before the first is written until the last is seen. */
async function phase(
  side: Side,
  count: number,
  times?: Float64Array,
): Promise<{ nanoseconds: number; usage: Usage }> {
  const baselines = await expectMessages(count);
  const reports = Promise.all(receivers.map((each) => each.next('seen')));
  const before = usageOfProcess();
  const started = Number(process.hrtime.bigint());
  const [seen] = await Promise.all([reports, transfer(side, count, times)]);
  const ended = Math.max(...seen.map(({ at }) => at));
  const own = usageBetween(before, usageOfProcess());
  const theirs = seen.map(({ usage }, index) => usageBetween(baselines[index] as Usage, usage));
  // A thread shares the process, and what it uses up is counted already.
  const usage = receivers[0]?.worker ? own : addUsage([own, ...theirs]);
  return { nanoseconds: ended - started, usage };
}

/** Announces messages. Resolves to what each receiver had used up before them. */
async function expectMessages(count: number): Promise<readonly Usage[]> {
  const ready = Promise.all(receivers.map((each) => each.next('ready')));
  for (const each of receivers) each.tell({ order: 'expect', count });
  return (await ready).map(({ usage }) => usage);
}

function transfer(side: Side, count: number, times?: Float64Array): Promise<void> {
  return answered
    ? exchangeAll(side, count, task.underWay ?? 1, payload, times)
    : (side as SendingSide).send(count, payload.write);
}

async function verify(side: Side): Promise<SenderReport> {
  const fitting = Math.floor(VERIFIED_BYTES / task.payloadBytes);
  const count = Math.min(VERIFIED_MESSAGES, Math.max(2, fitting));
  await expectMessages(count);
  const reports = Promise.allSettled(receivers.map((each) => each.next('seen')));
  await Promise.race([transfer(side, count), afterPatience()]);
  // The end comes now, so that whoever lost a message waits for it no longer.
  await Promise.race([side.close().then(() => reports), afterPatience()]);
  for (const each of receivers) each.tell({ order: 'finish' });
  const bad = (await reports).find((each) => each.status === 'rejected');
  if (bad !== undefined) {
    const { reason } = bad;
    const lost = reason instanceof ReceiverFailed && reason.lost;
    return { kind: lost ? 'spoiled' : 'failed', reason: reasonOf(reason) };
  }
  const finished = await Promise.all(receivers.map((each) => each.next('finished')));
  const arrived = finished.map(({ digest }) => digest);
  const sent = payload.written();
  if (payload.astray() > 0) {
    return { kind: 'spoiled', reason: 'an answer is not what its message was' };
  }
  const looked = task.scenario !== 'discard'; // Nobody can look at what went to /dev/null.
  if (looked && arrived.some((digest) => digest !== sent)) {
    return { kind: 'spoiled', reason: 'what arrived is not what was sent' };
  }
  return { kind: 'verified' };
}

/** A limit for channels that have no end of their own, and for messages that never come. */
function afterPatience(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PATIENCE).unref());
}

function tell(report: SenderReport): void {
  process.send?.(report); // The runner ends the whole group.
}
