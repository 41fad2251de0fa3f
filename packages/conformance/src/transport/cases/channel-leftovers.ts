import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { type ChannelStage, describeChannels } from '../harness/channel-stage.js';
import { expectReceived } from '../harness/expectations.js';
import type { Peer } from '../harness/peer.js';
import { expectAnswered } from '../harness/questions.js';
import type { RemoteChannel, RemoteListener } from '../harness/remote-channel.js';
import type { UsageReport } from '../peers/api.js';
import type { Subject } from '../registration.js';

const MIB = 1024 * 1024;
const CYCLES = 200;
/** Generous: what an allocator keeps differs by a few MiB; what a channel leaks adds up to more. */
const MAX_GROWTH = 64 * MIB;
/** What a channel may cost either side: descriptors. */
const MAX_DESCRIPTORS = 8;
/** Two of them in each cycle: leaked, they would be more than that. */
const LARGE = 400_000;

/** Expects a process to use no more than before. */
function expectNoMore(after: UsageReport, before: UsageReport): void {
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
  expect(after.timers).toBeLessThanOrEqual(before.timers);
  expect(after.mappings).toBeLessThanOrEqual(before.mappings);
  expect(after.residentBytes - before.residentBytes).toBeLessThan(MAX_GROWTH);
}

/** Whoever closes leaves nothing behind, and neither does whoever is killed. */
export function describeChannelLeftovers(subject: Subject): void {
  describeChannels('leftovers of channels', subject, describeManyInTurn);
  describeChannels('leftovers of killed channels', subject, describeKilled, subject.processes);
}

type Ending = 'close' | 'destroy' | 'finish';

/** Every way in which the two sides may end. */
const ENDINGS: readonly (readonly [Ending, Ending])[] = [
  ['close', 'close'],
  ['destroy', 'close'],
  ['close', 'destroy'],
  ['finish', 'destroy'],
  ['destroy', 'destroy'],
];

function describeManyInTurn(stage: ChannelStage): void {
  /** Opens a channel, passes messages, and ends it in one way or another. */
  async function cycle(listener: RemoteListener, other: Peer, round: number): Promise<void> {
    const there = await stage.remoteChannel(listener.endpoint, {}, other);
    const here = await listener.accept();
    await Promise.all([here.send(LARGE, 0, 1), there.send(1, LARGE)]);
    const asking = there.ask(2, 100);
    await Promise.all([here.hold(2), there.hold(1)]);
    // Every other time there is something of everything at the end: deliveries, open requests, and questions.
    await here.answer(2, round % 2 === 0 ? 'respond' : 'keep');
    await endBoth(here, there, ENDINGS[round % ENDINGS.length] as readonly [Ending, Ending]);
    const { answered, failures } = await asking;
    expect(answered + failures.length).toBe(2);
  }

  /** Ends both sides, whatever they have: a finish is followed by a close. */
  async function endBoth(
    here: RemoteChannel,
    there: RemoteChannel,
    [one, two]: readonly [Ending, Ending],
  ): Promise<void> {
    await Promise.all([here[one](), there[two]()]);
    await Promise.all([here.close(), there.close()]);
  }

  test('hundreds opened one after the other leave no descriptors, memory or timers', async () => {
    const [one, two] = [await stage.peer(true), await stage.peer(true)];
    const listener = await stage.remoteListener(stage.endpoint(), {}, one);
    for (let round = 0; round < 20; round++) await cycle(listener, two, round);
    const measure = () => Promise.all([one.call('usage'), two.call('usage')]);
    const before = await measure();
    for (let round = 0; round < CYCLES; round++) {
      await cycle(listener, two, round);
      // Where messages are copied, each channel leaves garbage. An allocator keeps what there once was of it.
      if (round % 20 === 0) await measure();
    }
    await stage.until(async () => (await listener.count()) === 0);
    const after = await measure();
    for (const [index, usage] of after.entries()) expectNoMore(usage, before[index] as UsageReport);
  });

  test('each costs either side eight descriptors at most', async () => {
    const [one, two] = [await stage.peer(true), await stage.peer(true)];
    const listener = await stage.remoteListener(stage.endpoint(), {}, one);
    const measure = () => Promise.all([one.call('usage'), two.call('usage')]);
    const open = async (): Promise<void> => {
      const there = await stage.remoteChannel(listener.endpoint, {}, two);
      const here = await listener.accept();
      await Promise.all([here.send(LARGE), there.send(LARGE)]);
    };
    // What there is of a kind, and not of each: an event loop that watches, say.
    await open();
    const before = await measure();
    for (let count = 0; count < 4; count++) await open();
    const after = await measure();
    for (const [index, { descriptors }] of after.entries()) {
      const more = descriptors - (before[index] as UsageReport).descriptors;
      expect(more).toBeLessThanOrEqual(4 * MAX_DESCRIPTORS);
    }
  });

  test('dozens of listeners leave nothing, and no socket files', async () => {
    const [one, two] = [await stage.peer(true), await stage.peer(true)];
    const meet = async (round: number): Promise<void> => {
      const listener = await stage.remoteListener(stage.endpoint(), {}, one);
      const serving = listener.serve();
      const channels = [
        await stage.remoteChannel(listener.endpoint, {}, two),
        await stage.remoteChannel(listener.endpoint, {}, two),
      ];
      for (const channel of channels) expectAnswered(await channel.ask(2, 5000), 2);
      await listener[round % 2 === 0 ? 'close' : 'destroy']();
      expect(await serving).toEqual({ messages: 4, questions: 4 });
      await Promise.all(channels.map((channel) => channel.close()));
    };
    for (let round = 0; round < 5; round++) await meet(round);
    const before = await Promise.all([one.call('usage'), two.call('usage')]);
    for (let round = 0; round < 24; round++) await meet(round);
    const after = await Promise.all([one.call('usage'), two.call('usage')]);
    for (const [index, usage] of after.entries()) expectNoMore(usage, before[index] as UsageReport);
    expect(readdirSync(dirname(stage.endpoint()))).toEqual([]);
  });

  test('calls that fail leave no descriptors', async () => {
    const peer = await stage.peer(true);
    const listener = await stage.listener({ maxChannels: 1 });
    await stage.channel(listener.endpoint);
    const sender = await stage.sender();
    const endpoint = stage.endpoint();
    const fail = async (): Promise<void> => {
      const calls = [
        stage.remoteListener(listener.endpoint, {}, peer),
        stage.remoteChannel(listener.endpoint, {}, peer),
        stage.remoteChannel(sender.endpoint, {}, peer),
        stage.remoteReceiver(listener.endpoint, {}, peer),
        stage.remoteChannel(endpoint, { timeout: 1 }, peer),
        stage.remoteListener('', {}, peer),
      ];
      const outcomes = await Promise.allSettled(calls);
      expect(outcomes.map(({ status }) => status)).toEqual(calls.map(() => 'rejected'));
    };
    await fail();
    const before = await peer.call('usage');
    for (let round = 0; round < 20; round++) await fail();
    expectNoMore(await peer.call('usage'), before);
  });
}

function describeKilled(stage: ChannelStage): void {
  test('a listener whose peers are killed keeps nothing', async () => {
    const one = await stage.peer(true);
    const listener = await stage.remoteListener(stage.endpoint(), {}, one);
    const kill = async (): Promise<void> => {
      const there = await stage.remoteChannel(listener.endpoint);
      const here = await listener.accept();
      await Promise.all([here.send(20_000), there.send(20_000)]);
      await Promise.all([here.hold(1), there.hold(1)]);
      const asking = here.ask(1, 100);
      await there.answer(1, 'keep');
      await there.peer.end();
      expect((await asking).failures).toEqual(['PEER_DIED']);
      await here.release();
      await here.flush();
      expect(await here.stats()).toMatchObject({ bytesOut: 0, requestsOpen: 0, deliveriesHeld: 0 });
      await here.close();
    };
    await kill();
    const before = await one.call('usage');
    for (let round = 0; round < 3; round++) await kill();
    expect(await listener.count()).toBe(0);
    expectNoMore(await one.call('usage'), before);
  });

  test('one whose listeners are killed keeps nothing', async () => {
    const one = await stage.peer(true);
    const kill = async (): Promise<void> => {
      const listener = await stage.remoteListener();
      const here = await stage.remoteChannel(listener.endpoint, {}, one);
      const there = await listener.accept();
      await Promise.all([here.send(20_000), there.send(20_000)]);
      await Promise.all([here.hold(1), there.hold(1)]);
      await there.peer.end();
      await expect(here.receive(1)).rejects.toMatchObject({ code: 'PEER_DIED' });
      expectReceived(await here.checkHeld(), { messages: 1 });
      await here.close();
    };
    await kill();
    const before = await one.call('usage');
    for (let round = 0; round < 3; round++) await kill();
    expectNoMore(await one.call('usage'), before);
  });
}
