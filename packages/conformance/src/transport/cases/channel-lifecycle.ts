import type { Channel, ChannelDelivery, Loan } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import {
  type ChannelPair,
  type ChannelStage,
  describeBothRoles,
  type Role,
} from '../harness/channel-stage.js';
import { openNullDevice } from '../harness/destinations.js';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { fillWithSmall } from '../harness/filling.js';
import { receiveOne } from '../harness/here.js';
import { observe, turns } from '../harness/settling.js';
import type { Subject } from '../registration.js';

type Operation<T> = readonly [name: string, call: (target: T) => unknown];

const SENDING: readonly Operation<Channel>[] = [
  ['loan', (channel) => channel.loan(1)],
  ['tryLoan', (channel) => channel.tryLoan(1)],
  ['send', (channel) => channel.send(new Uint8Array(1))],
  ['sendMany', (channel) => channel.sendMany([])],
  ['flush', (channel) => channel.flush()],
  ['request', (channel) => channel.request(new Uint8Array(1))],
];

const RECEIVING: readonly Operation<Channel>[] = [
  ['receive', (channel) => channel.receive()],
  ['receive with a time limit', (channel) => channel.receive({ timeout: 60_000 })],
  ['tryReceive', (channel) => channel.tryReceive()],
  ['peek', (channel) => channel.peek()],
  ['receiveMany', (channel) => channel.receiveMany(3)],
  ['spliceTo', (channel) => channel.spliceTo(0)],
  ['iterating', (channel) => channel[Symbol.asyncIterator]().next()],
];

const LOANS: readonly Operation<{ readonly channel: Channel; readonly loan: Loan }>[] = [
  ['bytes', ({ loan }) => loan.bytes],
  ['truncate', ({ loan }) => loan.truncate(0)],
  ['send', ({ loan }) => loan.send()],
  ['trySend', ({ loan }) => loan.trySend()],
  ['request', ({ channel, loan }) => channel.request(loan)],
  ['sendMany', ({ channel, loan }) => channel.sendMany([loan])],
];

const QUESTIONS: readonly Operation<ChannelDelivery>[] = [
  ['bytes', (question) => question.bytes],
  ['copy', (question) => question.copy()],
  ['retain', (question) => question.retain()],
  ['respond', (question) => question.respond(new Uint8Array(1))],
  ['reject', (question) => question.reject(new Error('no'))],
];

/** A channel in every state of its life, on either side. */
export function describeChannelLifecycle(subject: Subject): void {
  describeBothRoles('lifecycle of a channel', subject, (stage, role) => {
    describe.each(['close', 'destroy'] as const)('after %s', (end) => {
      describeEnded(stage, role, end);
    });
    describe('after finish', () => describeFinished(stage, role));
    describe('when the other side has ended', () => describeLeft(stage, role));
  });
}

/** Neither side can do anything any more. */
function describeEnded(stage: ChannelStage, role: Role, end: 'close' | 'destroy'): void {
  test.each([...SENDING, ...RECEIVING])('%s fails with CLOSED', async (_title, call) => {
    const { here, there } = await stage.pair(role);
    await there.send(10);
    await here[end]();
    await expectFailure(() => call(here.channel), 'CLOSED');
  });

  test.each(LOANS)('%s of a loan fails with CLOSED', async (_title, call) => {
    const { here } = await stage.pair(role);
    const loan = await here.channel.loan(10);
    await here[end]();
    await expectFailure(() => call({ channel: here.channel, loan }), 'CLOSED');
    expect(loan.owned).toBe(false);
  });

  test.each(QUESTIONS)('%s of a question fails with DELIVERY_RELEASED', async (_title, call) => {
    const { here, there } = await stage.pair(role);
    void there.ask(1, 10).catch(() => {});
    const question = await receiveOne(here.channel);
    await here[end]();
    expect(question.released).toBe(true);
    await expectFailure(() => call(question), 'DELIVERY_RELEASED');
  });

  test('it has let go of everything, and still answers what it was', async () => {
    const { here, there } = await stage.pair(role);
    const loan = await here.channel.loan(10);
    await there.send(20, 30);
    const delivery = await receiveOne(here.channel);
    await here[end]();
    const { channel } = here;
    expect(channel).toMatchObject({ closed: true, finished: true });
    expect(channel.stats()).toMatchObject({
      loansHeld: 0,
      bytesOut: 0,
      deliveriesHeld: 0,
      bytesHeld: 0,
      messagesReceived: 1,
      messagesSent: 0,
    });
    expect(() => loan.release()).not.toThrow();
    expect(() => delivery.release()).not.toThrow();
    expect(() => channel.releaseMany([delivery])).not.toThrow();
    expect(channel.ref().unref()).toBe(channel);
  });

  test('ending it again, in any way, is harmless', async () => {
    const { here } = await stage.pair(role);
    const { channel } = here;
    await Promise.all([channel[end](), channel[end]()]);
    await channel.finish();
    await channel.close();
    await channel.destroy();
    await channel[Symbol.asyncDispose]();
    expect(channel.closed).toBe(true);
  });

  test('calls that wait are told of it', async () => {
    const { here, there } = await stage.pair(role, { here: { poolBytes: 64 * 1024 } });
    const { channel } = here;
    const { zeroCopyReceive } = stage.subject.transport.capabilities;
    const asking = channel.request(new Uint8Array(1));
    await there.answer(1, 'keep');
    const held = await channel.loan(60_000);
    const waiting: Promise<unknown>[] = [
      asking,
      channel.receive(),
      channel.receive({ timeout: 60_000 }),
      channel.receiveMany(2),
      channel.spliceTo(openNullDevice(stage)),
      channel.loan(64 * 1024),
      channel.loan(1, { timeout: 60_000 }),
      channel.send(new Uint8Array(64 * 1024)),
      channel.request(new Uint8Array(64 * 1024)),
      // What is kept is a copy elsewhere, and the message has come back.
      ...(zeroCopyReceive ? [channel.flush()] : []),
    ];
    const failures = waiting.map((call) => expectFailure(() => call, 'CLOSED'));
    await turns(2);
    await Promise.all([...failures, channel[end]()]);
    expect(held.owned).toBe(false);
    expect(channel.stats().requestsOpen).toBe(0);
  });

  test('what waits to be accepted is told of it', async () => {
    const { here, there } = await stage.pair(role);
    const [one, two] = [await here.channel.loan(1), await here.channel.loan(1)];
    fillWithSmall(here.channel).refused.release();
    const failures = [
      expectFailure(() => one.send(), 'CLOSED'),
      expectFailure(() => here.channel.request(two), 'CLOSED'),
    ];
    const ending = here[end]();
    await Promise.all(failures);
    await Promise.all([ending, there.receive().catch(() => {})]);
  });

  test('the other side gets its memory back', async () => {
    const { here, there } = await stage.pair(role);
    await there.send(1000, 2000, 3000);
    await here.hold(1);
    await here[end]();
    await there.flush();
    await stage.until(async () => (await there.stats()).bytesOut === 0);
    expect(await there.stats()).toMatchObject({ messagesSent: 3, loansHeld: 0 });
  });
}

/** This side sends no more, and goes on receiving. */
function describeFinished(stage: ChannelStage, role: Role): void {
  async function finished(): Promise<ChannelPair> {
    const pair = await stage.pair(role);
    await pair.here.finish();
    return pair;
  }

  test.each(SENDING)('%s fails with CLOSED', async (_title, call) => {
    const { here } = await finished();
    await expectFailure(() => call(here.channel), 'CLOSED');
    expect(here.channel).toMatchObject({ closed: false, finished: true });
  });

  test.each(LOANS)('%s of a loan fails with CLOSED', async (_title, call) => {
    const { here } = await stage.pair(role);
    const loan = await here.channel.loan(10);
    await here.finish();
    await expectFailure(() => call({ channel: here.channel, loan }), 'CLOSED');
    expect(loan.owned).toBe(false);
    expect(here.channel.stats()).toMatchObject({ loansHeld: 0, bytesOut: 0 });
  });

  test('a question can be received, and not answered', async () => {
    const { here, there } = await finished();
    const asking = there.ask(1, 10);
    using question = await receiveOne(here.channel);
    expect(question.isRequest).toBe(true);
    await expectFailure(() => question.respond(new Uint8Array(1)), 'CLOSED');
    await expectFailure(() => question.reject(new Error('no')), 'CLOSED');
    expect(question.bytes).toHaveLength(10);
    expect((await asking).failures).toEqual(['REQUEST_UNANSWERED']);
  });

  test('calls that wait to send are told of it, and those that receive go on', async () => {
    const { here, there } = await stage.pair(role, { here: { poolBytes: 64 * 1024 } });
    const { channel } = here;
    const asking = observe(channel.request(await here.filledLoan(1)));
    const answer = there.answer(1, 'keep');
    await channel.loan(60_000);
    const waiting = [
      channel.loan(64 * 1024),
      channel.send(new Uint8Array(64 * 1024)),
      channel.request(new Uint8Array(64 * 1024)),
    ];
    const failures = waiting.map((call) => expectFailure(() => call, 'CLOSED'));
    const receiving = here.receive(3);
    const finishing = here.finish();
    await Promise.all(failures);
    await finishing;
    await answer;
    await there.send(1, 70_000, 3);
    expectReceived(await receiving, { messages: 3 });
    // What was asked before is still told of.
    await there.release();
    await expectFailure(() => asking.promise, 'REQUEST_UNANSWERED');
  });

  test('finishing again is harmless, and so is any other end', async () => {
    const { here, there } = await finished();
    await here.finish();
    await here.close();
    await here.finish();
    await here.destroy();
    expectReceived(await there.receive(), { messages: 0, ended: true });
  });

  test('it is closed as any other', async () => {
    const { here, there } = await finished();
    await there.send(10);
    await here.close();
    expectReceived(await there.receive(), { messages: 0, ended: true });
    await there.flush();
    await expectFailure(() => here.channel.receive(), 'CLOSED');
  });
}

/** What this side can still do. */
function describeLeft(stage: ChannelStage, role: Role): void {
  /** Expects every call that receives to say that this was all, each time. */
  async function expectEnd(channel: Channel): Promise<void> {
    const fd = openNullDevice(stage);
    for (let time = 0; time < 2; time++) {
      expect((await channel.receive())?.tag).toBeUndefined();
      expect((await channel.receive({ timeout: 60_000 }))?.tag).toBeUndefined();
      expect(channel.tryReceive()?.tag).toBeUndefined();
      expect(channel.peek()).toBeUndefined();
      expect(await channel.receiveMany(3)).toEqual([]);
      expect(await channel.spliceTo(fd)).toBeUndefined();
      expect((await channel[Symbol.asyncIterator]().next()).done).toBe(true);
    }
    expect(channel).toMatchObject({ ended: true, closed: false });
  }

  async function expectDead(channel: Channel): Promise<void> {
    const fd = openNullDevice(stage);
    for (let time = 0; time < 2; time++) {
      await expectFailure(() => channel.receive(), 'PEER_DIED');
      await expectFailure(() => channel.receive({ timeout: 60_000 }), 'PEER_DIED');
      await expectFailure(() => channel.tryReceive(), 'PEER_DIED');
      await expectFailure(() => channel.peek(), 'PEER_DIED');
      await expectFailure(() => channel.receiveMany(3), 'PEER_DIED');
      await expectFailure(() => channel.spliceTo(fd), 'PEER_DIED');
      await expectFailure(() => channel[Symbol.asyncIterator]().next(), 'PEER_DIED');
    }
    expect(channel).toMatchObject({ ended: false, closed: false });
  }

  /** Expects nothing to be sent any more, and every loan to stay. */
  async function expectNobody({ here }: ChannelPair): Promise<void> {
    const { channel } = here;
    await stage.until(async () => (await channel.send(new Uint8Array(1))) === 'no-receiver');
    using loan = await channel.loan(10);
    expect(await loan.send()).toBe('no-receiver');
    expect(loan.trySend()).toBe('no-receiver');
    expect(await channel.sendMany([loan])).toBe('no-receiver');
    await expectFailure(() => channel.request(loan), 'PEER_DIED');
    await expectFailure(() => channel.request(new Uint8Array(5)), 'PEER_DIED');
    expect(loan.owned).toBe(true);
    loan.release();
    await channel.flush();
    expect(channel.stats()).toMatchObject({ loansHeld: 0, bytesOut: 0, requestsOpen: 0 });
  }

  test('finish: this side sees the end after all messages, and still sends', async () => {
    const { here, there } = await stage.pair(role);
    await there.send(1, 0, 70_000);
    await there.finish();
    expectReceived(await here.receive(3), { messages: 3 });
    await expectEnd(here.channel);
    const received = there.receive(4);
    await here.send(10, 0, 70_000, 5);
    expectReceived(await received, { messages: 4 });
    expect(await here.ask(1, 10)).toMatchObject({ failures: ['REQUEST_UNANSWERED'] });
    await there.answer(1, 'keep');
    await here.finish();
    await expectEnd(here.channel);
    expectReceived(await there.receive(1), { messages: 0, ended: true });
  });

  test('close: this side sees the end after all messages, and sends to nobody', async () => {
    const pair = await stage.pair(role);
    const { here, there } = pair;
    await there.send(1, 0, 70_000);
    await there.close();
    expectReceived(await here.receive(3), { messages: 3 });
    await expectEnd(here.channel);
    await expectNobody(pair);
    await here.close();
  });

  test('destroy: this side sees PEER_DIED after all messages, and sends to nobody', async () => {
    const pair = await stage.pair(role);
    const { here, there } = pair;
    await there.send(1, 0, 4000);
    await there.destroy();
    expectReceived(await here.receive(3), { messages: 3 });
    await expectDead(here.channel);
    await expectNobody(pair);
    await here.close();
  });

  test.each([
    ['finish', undefined],
    ['close', undefined],
    ['destroy', 'PEER_DIED'],
  ] as const)('%s: calls that wait for a message are told', async (end, code) => {
    const { here, there } = await stage.pair(role);
    const waiting = [here.channel.receive(), here.channel.receiveMany(2)];
    const outcomes = Promise.allSettled(waiting);
    await there[end]();
    for (const outcome of await outcomes) {
      if (code === undefined) expect(outcome.status).toBe('fulfilled');
      else expect(outcome).toMatchObject({ status: 'rejected', reason: { code } });
    }
  });

  test.each([
    ['finish', 'REQUEST_UNANSWERED'],
    ['close', 'REQUEST_UNANSWERED'],
    ['destroy', 'PEER_DIED'],
  ] as const)('%s: open requests are told', async (end, code) => {
    const { here, there } = await stage.pair(role);
    const asking = here.ask(3, 100);
    await there.answer(2, 'keep');
    await stage.until(() => here.channel.stats().messagesSent === 3);
    await there[end]();
    expect((await asking).failures).toEqual([code, code, code]);
    expect(here.channel.stats()).toMatchObject({ requestsOpen: 0, loansHeld: 0 });
  });

  test('an answer that had come before the end is not lost', async () => {
    const { here, there } = await stage.pair(role);
    const asking = observe(here.ask(2, 100));
    await there.answer(2, 'respond');
    await there.close();
    expect(await asking.promise).toMatchObject({ answered: 2, problems: [] });
  });

  test('a delivery that is held stays intact', async () => {
    const { here, there } = await stage.pair(role);
    await there.send(300_000);
    await here.hold(1);
    await there.destroy();
    await expectFailure(() => here.channel.receive(), 'PEER_DIED');
    expectReceived(await here.checkHeld(), { messages: 1, bytes: 300_000 });
    await here.release();
  });
}
