import { mkdtempSync, unlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Channel, Listener, Receiver } from '@pageferry/core';
import { loadBackend, sharesMemory } from '../backends.js';
import { leftoversSince, possessions } from '../leftovers.js';
import { LIMIT, until } from '../until.js';
import { Honest, Liar } from './company.js';
import { Meter } from './meter.js';
import type { Deeds, StageReport, Task } from './task.js';
import { HonestSide, type Talk, talk, turn } from './traffic.js';

/**
 * The process that is played against: its argument is a {@link Task}. An honest process exchanges messages with it all the
 * while, and a hostile one does its worst. Should that end it, the runner sees so.
 */
const task: Task = JSON.parse(process.argv[2] ?? '');
const folder = mkdtempSync(join(tmpdir(), 'pageferry-hostile-'));
const endpoint = join(folder, 'endpoint');
const hostileEndpoint = join(folder, 'hostile');
const { transport, options } = await loadBackend(task.backend);
const place = { ...options, endpoint };
const isRequest = task.pattern === 'request';

const faults: string[] = [];
const fault = (what: string): void => {
  if (faults.length < 20) faults.push(what);
};
const codes: Record<string, number> = {};
const side = new HonestSide(fault);
const meter = new Meter(() => side.count);
const stop = new AbortController();
/** Any wait for the hostile peer ends by then: it may say nothing, or not take what it has asked for. */
const SHORT = { timeout: 50 } as const;
const POLICIES = ['wait', 'wait', 'drop-newest', 'drop-oldest'] as const;

process.on('uncaughtException', (error) => fault(`uncaught: ${error.stack}`));
process.on('unhandledRejection', (error) => fault(`unhandled: ${(error as Error).stack}`));
process.on('warning', () => undefined); // That a connection was cut off is no news here.
process.once('disconnect', () => process.exit(1)); // Whoever has started it may be gone.

const before = possessions(folder);
const report = await play();
const left = await leftoversSince(before, folder);
if (left !== undefined) fault(`is left behind: ${left}`);
await rm(folder, { recursive: true });
process.removeAllListeners('disconnect');
// What has ended early may have left open what keeps a process alive.
process.send?.({ ...report, faults }, () => process.exit());

async function play(): Promise<Omit<StageReport, 'faults'>> {
  const honest = new Honest({ task, endpoint });
  let deeds: Deeds | undefined;
  try {
    deeds = await (task.side === 'comer' ? beOpener(honest) : beComer(honest));
    const theirs = await honest.traffic();
    const ours = side.traffic;
    expectSame('messages', ours.sent, theirs.received);
    expectSame('messages', theirs.sent, ours.received);
    expectSame('questions', ours.asked, theirs.answered);
    expectSame('questions', theirs.asked, ours.answered);
    if (side.count === 0) fault('nothing honest was exchanged');
  } catch (error) {
    fault(`ends early: ${(error as Error).stack}`);
    stop.abort();
  }
  await honest.end();
  for (const what of honest.faults) fault(`the honest peer: ${what}`);
  const none: Deeds = { lives: 0, connected: 0, givenUp: 0, changes: 0, acts: {} };
  return { deeds: deeds ?? none, checked: side.count, rates: meter.rates, codes };
}

function expectSame(what: string, sent: number, received: number): void {
  if (sent !== received) fault(`${received} of ${sent} ${what} have come`);
}

/** Starts the hostile process, and waits until it has done all it should. */
async function bearWith(at: string): Promise<Deeds> {
  const liar = new Liar({ task, endpoint: at }, (phase) => meter.enter(phase));
  try {
    return await liar.deeds();
  } finally {
    meter.enter(undefined);
    await liar.end();
  }
}

/** It opens the endpoint, to which the honest peer comes as well as the hostile one. */
async function beOpener(honest: Honest): Promise<Deeds> {
  return task.pattern === 'publish' ? publish() : listen(honest);
}

async function publish(): Promise<Deeds> {
  const sender = await transport.createSender(place);
  await sender.waitForReceivers(1, LIMIT);
  const sending = side.send(sender);
  const deeds = await bearWith(endpoint);
  const isAlone = await until(() => sender.receivers.length === 1);
  if (!isAlone) fault(`the sender has ${sender.receivers.length} receivers in the end`);
  side.stop();
  await sending;
  await sender.close(LIMIT);
  return deeds;
}

async function listen(honest: Honest): Promise<Deeds> {
  const listener = await transport.listen(place);
  const channel = await listener.accept(LIMIT);
  const talking = talk(side, channel, isRequest);
  const accepting = acceptAll(listener);
  const deeds = await bearWith(endpoint);
  const isAlone = await until(() => listener.channels.length === 1);
  if (!isAlone) fault(`the listener has ${listener.channels.length} channels in the end`);
  stop.abort();
  await accepting;
  await endTalk(honest, channel, talking);
  await listener.close(LIMIT);
  return deeds;
}

/** Stops asking, and has the honest peer do the same: it ends first, when nobody has to answer it any more. */
async function endTalk(honest: Honest, channel: Channel, { working, served }: Talk): Promise<void> {
  side.stop();
  await working;
  honest.stop();
  await served;
  await channel.finish(LIMIT);
}

/** Serves whoever comes besides, until it is stopped. */
async function acceptAll(listener: Listener): Promise<void> {
  const serving = new Set<Promise<void>>();
  for (;;) {
    const channel = await bear(() => listener.accept({ signal: stop.signal }));
    if (channel === undefined) break;
    const served = endure(channel).finally(() => serving.delete(served));
    serving.add(served);
  }
  await Promise.all(serving);
}

/** It comes to the endpoint of the honest peer, and to that of the hostile one again and again. */
async function beComer(honest: Honest): Promise<Deeds> {
  await honest.ready();
  const leave = await (task.pattern === 'publish' ? follow(honest) : converse(honest));
  const visiting = [visit(0), visit(1)];
  const deeds = await bearWith(hostileEndpoint);
  stop.abort();
  await Promise.all(visiting);
  unlinkSync(hostileEndpoint);
  await leave();
  return deeds;
}

/** Receives from the honest peer. Returns how to end that. */
async function follow(honest: Honest): Promise<() => Promise<void>> {
  const receiver = await transport.createReceiver({ ...place, ...LIMIT });
  const received = side.receive(receiver);
  return async () => {
    honest.stop();
    await received;
    await receiver.close();
  };
}

/** Talks to the honest peer. Returns how to end that. */
async function converse(honest: Honest): Promise<() => Promise<void>> {
  const channel = await transport.connect({ ...place, ...LIMIT });
  const talking = talk(side, channel, isRequest);
  return async () => {
    await endTalk(honest, channel, talking);
    await channel.close(LIMIT);
  };
}

async function visit(first: number): Promise<void> {
  const { signal } = stop;
  for (let number = first; !signal.aborted; number++) {
    const hostile = { ...options, endpoint: hostileEndpoint, signal };
    if (task.pattern === 'publish') {
      const whenBehind = POLICIES[number % POLICIES.length];
      const settings = sharesMemory(task.backend) ? { whenBehind } : {};
      const receiver = await bear(() => transport.createReceiver({ ...hostile, ...settings }));
      if (receiver !== undefined) await hearOut(receiver);
      await bear(() => receiver?.close());
    } else {
      const channel = await bear(() => transport.connect(hostile));
      if (channel !== undefined) await endure(channel);
    }
    await turn();
  }
}

/** Receives what comes from a hostile peer, until that is over. */
async function hearOut(receiver: Pick<Receiver, 'receive'>): Promise<void> {
  for (;;) {
    const delivery = await bear(async () => (await receiver.receive(SHORT)) ?? 'end');
    if (delivery === undefined || delivery === 'end') return;
    readAll(delivery.bytes);
    delivery.release();
  }
}

/** Whatever came, it lies within what is mapped: to read something of each cache line is no crash. */
function readAll(bytes: Uint8Array): void {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 64) sum ^= bytes[at] ?? 0;
  if (sum > 255) fault('a byte is none');
}

/** Is on a channel with a hostile peer: hears it out, answers what it asks, sends and asks on its part. */
async function endure(channel: Channel): Promise<void> {
  await Promise.all([answerAll(channel), bother(channel)]);
  await bear(() => channel.destroy());
}

async function answerAll(channel: Channel): Promise<void> {
  for (;;) {
    const question = await bear(async () => (await channel.receive(SHORT)) ?? 'end');
    if (question === undefined || question === 'end') return;
    readAll(question.bytes);
    if (question.isRequest) await bear(() => question.respond(Buffer.from('answer'), SHORT));
    question.release();
  }
}

/** A few messages and questions, for the hostile peer to give back and to answer as it likes. */
async function bother(channel: Channel): Promise<void> {
  for (let count = 0; count < 20 && !channel.closed; count++) {
    const outcome = await bear(() => channel.send(new Uint8Array(count * 100), SHORT));
    if (outcome !== 'sent') return;
    if (count % 5 === 0) (await bear(() => channel.request(Buffer.from('?'), SHORT)))?.release();
  }
}

/** What has to do with the hostile peer may reject, with an error of ours, and nothing else. */
async function bear<T>(call: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    const isOurs = error instanceof Error && /^(Pageferry|Abort)Error$/.test(error.name);
    const code = isOurs && 'code' in error ? String(error.code) : undefined;
    if (code === undefined) fault(`no error of ours: ${(error as Error).stack}`);
    else codes[code] = (codes[code] ?? 0) + 1;
    return undefined;
  }
}
