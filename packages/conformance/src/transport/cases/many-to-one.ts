import type { Channel, ChannelDelivery, Listener } from '@pageferry/core';
import { expect, test } from 'vitest';
import { type ChannelStage, describeChannels } from '../harness/channel-stage.js';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { receiveOne } from '../harness/here.js';
import { expectAnswered } from '../harness/questions.js';
import type { RemoteChannel } from '../harness/remote-channel.js';
import { observe, turns } from '../harness/settling.js';
import { respondTo } from '../peers/answers.js';
import { ChannelUser } from '../peers/channel-user.js';
import { MessageCheck } from '../peers/message-check.js';
import type { Subject } from '../registration.js';

const KIB = 1024;

/** One listener, many channels. */
export function describeManyToOne(subject: Subject): void {
  describeChannels('many channels at one listener', subject, (stage) => {
    describeMessages(stage, Math.min(64, subject.transport.capabilities.maxChannels));
    describeFairness(stage);
    describeComingAndGoing(stage, subject);
    describeAnyChannel(stage);
    describeListenerEnds(stage);
  });
}

/** A listener with `count` channels of one peer. */
async function gathered(stage: ChannelStage, count: number, options = {}) {
  const listener = await stage.listener(options);
  const peer = await stage.peer();
  const there: RemoteChannel[] = [];
  while (there.length < count) {
    there.push(await stage.remoteChannel(listener.endpoint, options, peer));
  }
  await stage.until(() => listener.channels.length === count);
  return { listener, there };
}

/** Receives `count` messages, and checks those of each channel by themselves. Questions are answered. */
async function serveAll(
  listener: Listener,
  count: number,
): Promise<ReadonlyMap<Channel, MessageCheck>> {
  const checks = new Map<Channel, MessageCheck>();
  for (let received = 0; received < count; received++) {
    using message = await receiveOne(listener);
    const check = checks.get(message.channel) ?? new MessageCheck();
    checks.set(message.channel, check);
    check.add(message, message.tag);
    if (message.isRequest) await respondTo(message, message.channel);
  }
  return checks;
}

function describeMessages(stage: ChannelStage, most: number): void {
  test('messages of as many as there may be come in the order of each', async () => {
    const { listener, there } = await gathered(stage, most);
    const each = 20;
    const serving = serveAll(listener, most * each);
    await Promise.all(there.map((channel, index) => channel.sendMany(each, index * 100)));
    const checks = await serving;
    expect(checks.size).toBe(most);
    expect([...checks.keys()].every((channel) => listener.channels.includes(channel))).toBe(true);
    for (const check of checks.values()) expectReceived(check.report(), { messages: each });
  });

  test('each of them is answered on its own channel', async () => {
    const { listener, there } = await gathered(stage, Math.min(16, most));
    const each = 30;
    const serving = serveAll(listener, there.length * each);
    const asking = there.map((channel, index) => channel.ask(each, 100 + index));
    for (const report of await Promise.all(asking)) expectAnswered(report, each);
    for (const check of (await serving).values()) {
      expectReceived(check.report(), { messages: each });
    }
    for (const channel of listener.channels) {
      expect(channel.stats()).toMatchObject({ messagesReceived: each, messagesSent: each });
    }
  });

  test('they are answered out of the one pool, however small it is', async () => {
    const { listener, there } = await gathered(stage, Math.min(8, most), { poolBytes: 64 * KIB });
    const each = 40;
    const serving = serveAll(listener, there.length * each);
    const asking = there.map(async (channel) => {
      for (let round = 0; round < each / 4; round++) {
        expectAnswered(await channel.ask(4, 5000), 4);
      }
    });
    await Promise.all(asking);
    await serving;
    await Promise.all(listener.channels.map((channel) => channel.flush()));
    for (const channel of listener.channels) expect(channel.stats().loansHeld).toBe(0);
  });

  test('a loan of one of them waits for what another gives back', async () => {
    const { listener, there } = await gathered(stage, 2, { poolBytes: 64 * KIB });
    const [one, two] = listener.channels.map((channel) => new ChannelUser(channel)) as [
      ChannelUser,
      ChannelUser,
    ];
    const sent = await one.fill(16 * KIB);
    const waiting = observe(two.channel.loan(64 * KIB));
    await turns();
    expect(waiting.state()).toBe('pending');
    const [first, second] = there as [RemoteChannel, RemoteChannel];
    expectReceived(await first.receive(sent), { messages: sent });
    (await waiting.promise).release();
    await two.send(16 * KIB);
    expectReceived(await second.receive(1), { messages: 1 });
  });

  test('messages that one channel holds keep nobody else from receiving', async () => {
    const options = { maxBorrowedBytes: 64 * KIB };
    const { listener, there } = await gathered(stage, 2, options);
    const [one, two] = there as [RemoteChannel, RemoteChannel];
    const flooding = one.sendMany(10, 32 * KIB);
    const held = [await receiveOne(listener), await receiveOne(listener)];
    const other = two.sendMany(10, 32 * KIB);
    for (let number = 0; number < 10; number++) {
      using message = await receiveOne(listener);
      expect(message.channel).not.toBe(held[0]?.channel);
      expect(message.tag).toBe(number);
    }
    await other;
    for (const message of held) message.release();
    for (let number = 2; number < 10; number++) {
      using message = await receiveOne(listener);
      expect(message.tag).toBe(number);
    }
    await flooding;
  });

  test('a receive that waits for its own releases goes on with them', async () => {
    const options = { maxBorrowedBytes: 64 * KIB };
    const { listener, there } = await gathered(stage, 1, options);
    const flooding = (there[0] as RemoteChannel).sendMany(5, 40_000);
    const held = await receiveOne(listener);
    const waiting = observe(receiveOne(listener));
    await turns(50);
    expect(waiting.state()).toBe('pending');
    held.release();
    (await waiting.promise).release();
    await serveAll(listener, 3);
    await flooding;
  });

  test('the messages of one can be received from it alone', async () => {
    const { listener, there } = await gathered(stage, 2);
    await Promise.all(there.map((channel) => channel.send(1, 2, 3)));
    const [one] = listener.channels as [Channel];
    expectReceived(await new ChannelUser(one).receive(3), { messages: 3 });
    const rest = [
      await receiveOne(listener),
      await receiveOne(listener),
      await receiveOne(listener),
    ];
    for (const message of rest) {
      expect(message.channel).not.toBe(one);
      message.release();
    }
    expect(listener.tryReceive()?.tag).toBeUndefined();
  });

  test('iterating over a listener yields the messages of all', async () => {
    const { listener, there } = await gathered(stage, 3);
    await Promise.all(there.map((channel) => channel.send(1, 2)));
    const lengths: number[] = [];
    for await (using message of listener) {
      lengths.push(message.byteLength);
      if (lengths.length === 6) break;
    }
    expect(lengths.toSorted()).toEqual([1, 1, 1, 2, 2, 2]);
    expect(listener.closed).toBe(false);
  });
}

/** Who sends and sends does not keep the others waiting: counted in messages, not in time. */
function describeFairness(stage: ChannelStage): void {
  test('what is here of many comes in turns, however much one has sent', async () => {
    const { listener, there } = await gathered(stage, Math.min(8, stage.capabilities.maxChannels));
    const [flooding, ...others] = there as [RemoteChannel, ...RemoteChannel[]];
    const flood = await flooding.fill(1);
    await Promise.all(others.map((channel) => channel.send(2, 2, 2)));
    await turns();
    let before = 0;
    for (let missing = 3 * others.length; missing > 0; before++) {
      using message = await receiveOne(listener);
      if (message.byteLength === 2) missing--;
    }
    // At most one of the flood for each round of the others, and one to begin with.
    expect(flood).toBeGreaterThan(4 * there.length);
    expect(before).toBeLessThanOrEqual(4 * there.length);
    for (let rest = flood + 3 * others.length - before; rest > 0; rest--) {
      (await receiveOne(listener)).release();
    }
  });

  test('a channel that always has something lets the others be answered', async () => {
    const listener = await stage.listener();
    const join = async () => new ChannelUser(await stage.channel(listener.endpoint));
    const [flooding, ...others] = [await join(), await join(), await join()];
    await flooding.fill(1);
    const asking = Promise.all(
      others.map(async (user) => {
        for (let round = 0; round < 20; round++) expectAnswered(await user.ask(1, 20), 1);
      }),
    );
    /** How many messages of the flood have come since a question was received. */
    let flood = 0;
    for (let served = 0; served < 40; ) {
      using message = await receiveOne(listener);
      if (message.isRequest) {
        await respondTo(message, message.channel);
        served++;
        flood = 0;
      } else {
        // The flood does not end before the questions do.
        (await flooding.filledLoan(1)).trySend();
        flood++;
        expect(flood).toBeLessThan(20_000);
      }
    }
    await asking;
  });
}

/** Channels come and go, and it is no error of the listener. */
function describeComingAndGoing(stage: ChannelStage, subject: Subject): void {
  /** Has it noted what a listener tells of. */
  function noting(listener: Listener) {
    const told: (readonly [string, Channel, unknown])[] = [];
    listener.on('join', (channel) => told.push(['join', channel, undefined]));
    listener.on('leave', (channel, reason) => told.push(['leave', channel, reason]));
    return told;
  }

  test('each that joins and leaves is told of, once', async () => {
    const listener = await stage.listener();
    const told = noting(listener);
    expect(listener.channels).toEqual([]);
    const there = await stage.remoteChannel(listener.endpoint);
    const channel = await listener.accept();
    await stage.until(() => told.length === 1);
    expect(told).toEqual([['join', channel, undefined]]);
    expect(listener.channels).toEqual([channel]);
    const receiving = observe(listener.receive());
    await there.close();
    await stage.until(() => told.length === 2);
    expect(told[1]).toEqual(['leave', channel, undefined]);
    expect(listener.channels).toEqual([]);
    // Whoever has accepted it closes it.
    expect(channel.closed).toBe(false);
    await channel.close();
    await turns();
    expect([told.length, receiving.state()]).toEqual([2, 'pending']);
    receiving.promise.catch(() => {});
  });

  test('one that is closed on this side leaves, too', async () => {
    const { listener } = await gathered(stage, 2);
    const told = noting(listener);
    const [one, two] = listener.channels as [Channel, Channel];
    await one.close();
    await two.destroy();
    expect(listener.channels).toEqual([]);
    await stage.until(() => told.length === 2);
    expect(told).toEqual([
      ['leave', one, undefined],
      ['leave', two, undefined],
    ]);
  });

  test('whoever is told no more is told no more', async () => {
    const listener = await stage.listener();
    let calls = 0;
    const count = (): void => void calls++;
    expect(listener.on('join', count).off('join', count)).toBe(listener);
    await stage.remoteChannel(listener.endpoint);
    await listener.accept();
    await turns();
    expect(calls).toBe(0);
  });

  test('what one had sent before it left comes first', async () => {
    const { listener, there } = await gathered(stage, 2);
    const told = noting(listener);
    const [leaving, staying] = there as [RemoteChannel, RemoteChannel];
    await leaving.send(1, 2, 70_000);
    await leaving.close();
    await staying.send(4);
    const lengths: number[] = [];
    while (lengths.length < 4) {
      using message = await receiveOne(listener);
      lengths.push(message.byteLength);
    }
    expect(lengths.toSorted((a, b) => a - b)).toEqual([1, 2, 4, 70_000]);
    const waiting = observe(listener.receive());
    await stage.until(() => told.length === 1);
    expect(told.map(([event, , reason]) => [event, reason])).toEqual([['leave', undefined]]);
    await stage.until(() => told[0]?.[1].closed === true);
    expect(waiting.state()).toBe('pending');
    await staying.send(5);
    (await waiting.promise)?.release();
  });

  test('one that has finished stays, and is sent what it is sent', async () => {
    const { listener, there } = await gathered(stage, 1);
    const [only] = there as [RemoteChannel];
    await only.send(1);
    await only.finish();
    using message = (await listener.receive()) as ChannelDelivery;
    const waiting = observe(listener.receive());
    await turns();
    expect([waiting.state(), listener.channels.length]).toEqual(['pending', 1]);
    await message.channel.send(new Uint8Array(0));
    expect(await only.receive(1)).toMatchObject({ messages: 1 });
    await only.close();
    await stage.until(() => listener.channels.length === 0);
    expect(waiting.state()).toBe('pending');
    waiting.promise.catch(() => {});
  });

  test('one that ends out of order leaves with the reason', async () => {
    const { listener, there } = await gathered(stage, 2);
    const told = noting(listener);
    const [destroyed, staying] = there as [RemoteChannel, RemoteChannel];
    await destroyed.send(1);
    await destroyed.destroy();
    (await receiveOne(listener)).release();
    const waiting = listener.receive();
    await stage.until(() => told.length === 1);
    expect(told.map(([event, , reason]) => [event, reason])).toEqual([
      ['leave', expect.objectContaining({ code: 'PEER_DIED' })],
    ]);
    await stage.until(() => told[0]?.[1].closed === true);
    await staying.send(5);
    expect((await waiting)?.byteLength).toBe(5);
  });

  test.runIf(subject.processes)('one whose process is killed leaves with the reason', async () => {
    const listener = await stage.listener();
    const told = noting(listener);
    const killed = await stage.remoteChannel(listener.endpoint);
    const staying = await stage.remoteChannel(listener.endpoint);
    await killed.send(1, 2);
    const held = await receiveOne(listener);
    await killed.peer.end();
    const waiting: Promise<ChannelDelivery>[] = [receiveOne(listener), receiveOne(listener)];
    const second = (await waiting[0]) as ChannelDelivery;
    expect([held.byteLength, second.byteLength]).toEqual([1, 2]);
    await stage.until(() => told.filter(([what]) => what === 'leave').length === 1);
    expect(told.at(-1)?.[2]).toEqual(expect.objectContaining({ code: 'PEER_DIED' }));
    // What it had sent is held still: its channel is closed once that is released.
    expect(told.at(-1)?.[1].closed).toBe(false);
    for (const delivery of [held, second]) delivery.release();
    await stage.until(() => told.at(-1)?.[1].closed === true);
    expect(listener.channels).toHaveLength(1);
    await staying.send(5);
    expect((await waiting[1])?.byteLength).toBe(5);
  });

  test('dozens come and go one after the other while one stays', async () => {
    const { listener, there } = await gathered(stage, 1);
    const [staying] = there as [RemoteChannel];
    const serving = serveAll(listener, 120);
    for (let round = 0; round < 40; round++) {
      const channel = await stage.remoteChannel(listener.endpoint, {}, staying.peer);
      expectAnswered(await channel.ask(2, 200), 2);
      await channel.close();
      expectAnswered(await staying.ask(1, 200), 1);
    }
    await serving;
    await stage.until(() => listener.tryReceive() === undefined && listener.channels.length === 1);
  });
}

/** What is lent to go to any channel waits for room in the one pool. */
function describeAnyChannel(stage: ChannelStage): void {
  const poolBytes = 1024 * KIB;
  // There is no room for two of them.
  const byteLength = 600 * KIB;

  test('a loan for any channel gets the room of a question that is answered', async () => {
    const listener = await stage.listener({ poolBytes });
    const there = await stage.channel(listener.endpoint);
    await listener.waitForChannels();
    const any = listener.anyChannel();
    for (let round = 0; round < 3; round++) {
      const asking = any.request(await any.loan(byteLength));
      const question = await receiveOne(there);
      const waiting = observe(any.loan(byteLength));
      await turns();
      expect(waiting.state()).toBe('pending');
      // Question and answer are back at the same time: the question's memory is kept until it is known to be answered.
      await question.respond(Uint8Array.of(round));
      question.release();
      (await asking).release();
      (await waiting.promise).release();
    }
  });

  test('a loan for any channel gets the room of another one that is released', async () => {
    const listener = await stage.listener({ poolBytes });
    await stage.channel(listener.endpoint);
    await listener.waitForChannels();
    const loan = await listener.anyChannel().loan(byteLength);
    const waiting = observe(listener.anyChannel().loan(byteLength));
    await turns();
    expect(waiting.state()).toBe('pending');
    loan.release();
    (await waiting.promise).release();
  });
}

function describeListenerEnds(stage: ChannelStage): void {
  test.each(['close', 'destroy'] as const)('%s ends all channels', async (end) => {
    const { listener, there } = await gathered(stage, 3);
    const channels = [...listener.channels];
    await Promise.all(channels.map((channel) => new ChannelUser(channel).send(10)));
    await listener[end]();
    expect(listener).toMatchObject({ closed: true, channels: [] });
    for (const channel of channels) expect(channel.closed).toBe(true);
    for (const channel of there) {
      expectReceived(await channel.receive(1), { messages: 1 });
      if (end === 'close') expectReceived(await channel.receive(), { messages: 0, ended: true });
      else await expectFailure(() => channel.receive(1), 'PEER_DIED');
    }
  });

  test.each(['close', 'destroy'] as const)('after %s every call fails with CLOSED', async (end) => {
    const { listener } = await gathered(stage, 1);
    const waiting = [listener.receive(), listener.accept().then(() => listener.accept())];
    const failures = waiting.map((call) => expectFailure(() => call, 'CLOSED'));
    await turns(2);
    await listener[end]();
    await Promise.all(failures);
    const calls: readonly (() => unknown)[] = [
      () => listener.receive(),
      () => listener.receive({ timeout: 60_000 }),
      () => listener.tryReceive(),
      () => listener.accept(),
      () => listener[Symbol.asyncIterator]().next(),
    ];
    for (const call of calls) await expectFailure(call, 'CLOSED');
    await listener.close();
    await listener.destroy();
    await listener[Symbol.asyncDispose]();
    expect(listener.ref().unref()).toBe(listener);
  });

  test('a close that was aborted before it began destroys it', async () => {
    const { listener, there } = await gathered(stage, 1);
    await expectFailure(() => listener.close({ signal: AbortSignal.abort() }), 'ABORTED');
    expect(listener.closed).toBe(true);
    await expectFailure(() => (there[0] as RemoteChannel).receive(1), 'PEER_DIED');
  });

  test('close of a listener that nobody has come to is quick', async () => {
    const listener = await stage.listener();
    await listener.close();
    const endpoint = listener.endpoint;
    await expectFailure(() => stage.channel(endpoint, { timeout: 20 }), 'TIMEOUT');
  });
}
