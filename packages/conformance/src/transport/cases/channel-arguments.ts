import type { Channel } from '@pageferry/core';
import { expect, test } from 'vitest';
import {
  type ChannelStage,
  describeBothRoles,
  describeChannels,
  type Role,
} from '../harness/channel-stage.js';
import { openNullDevice } from '../harness/destinations.js';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { receiveOne } from '../harness/here.js';
import {
  expectRefused,
  NO_BYTES,
  NO_DESCRIPTORS,
  NO_INTEGERS,
  NO_OPTIONS,
} from '../harness/unusable.js';
import type { Subject } from '../registration.js';

const LIMITS = ['options', 'signal', 'timeout'];
/** What is no event of a listener, or nothing to be called. */
const NO_EVENTS: readonly unknown[] = ['message', '', undefined, null, 5, {}];
const NO_FUNCTIONS: readonly unknown[] = [undefined, null, 5, 'f', {}];
const NO_TAGS: readonly unknown[] = [-1, 1.5, 2 ** 32, Number.NaN, '1', null];

/** Unusable arguments are refused by name, and nothing else happens. */
export function describeChannelArguments(subject: Subject): void {
  describeBothRoles('arguments of a channel', subject, describeCalls);
  describeChannels('arguments of a listener', subject, describeListening);
}

function describeCalls(stage: ChannelStage, role: Role): void {
  test('unusable lengths, bytes and lists are refused, and it works on', async () => {
    const { here, there } = await stage.pair(role);
    const { channel } = here;
    await expectRefused([...NO_INTEGERS, undefined], (value) => channel.loan(value), 'byteLength');
    await expectRefused(
      [...NO_INTEGERS, undefined],
      (value) => channel.tryLoan(value),
      'byteLength',
    );
    await expectRefused(NO_BYTES, (value) => channel.send(value), 'bytes');
    await expectRefused(NO_BYTES, (value) => channel.request(value), 'bytes', 'question');
    await expectRefused(NO_TAGS, (tag) => channel.send(new Uint8Array(1), { tag }), 'tag');
    await expectRefused(NO_TAGS, (tag) => channel.request(new Uint8Array(1), { tag }), 'tag');
    await expectRefused([...NO_BYTES, [{}]], (value) => channel.sendMany(value), 'loans');
    await expectRefused([...NO_BYTES, [{}]], (value) => channel.releaseMany(value), 'deliveries');
    const counts = [...NO_INTEGERS, 0, undefined];
    await expectRefused(counts, (value) => channel.receiveMany(value), 'max');
    await expectRefused(NO_DESCRIPTORS, (value) => channel.spliceTo(value), 'destination');
    const { maxMessageBytes } = stage.capabilities;
    await expectFailure(() => channel.loan(maxMessageBytes + 1), 'MESSAGE_TOO_LARGE');
    await expectWorks(channel, here.send(10), there.receive(1));
  });

  test('bytes that are not there any more are BYTES_DETACHED, and it works on', async () => {
    const { here, there } = await stage.pair(role);
    const { channel } = here;
    const bytes = new Uint8Array(10);
    const view = new DataView(bytes.buffer, 4);
    structuredClone(bytes, { transfer: [bytes.buffer] });
    for (const gone of [bytes, view]) {
      await expectFailure(() => channel.send(gone), 'BYTES_DETACHED');
      await expectFailure(() => channel.request(gone), 'BYTES_DETACHED');
    }
    await expectWorks(channel, here.send(10), there.receive(1));
  });

  test('unusable signals and time limits are refused, and it works on', async () => {
    const { here, there } = await stage.pair(role);
    const { channel } = here;
    const fd = openNullDevice(stage);
    const bytes = new Uint8Array(1);
    using loan = await channel.loan(1);
    const calls: readonly ((options: never) => unknown)[] = [
      (options) => channel.loan(1, options),
      (options) => channel.send(bytes, options),
      (options) => channel.request(bytes, options),
      (options) => channel.request(loan, options),
      (options) => channel.sendMany([], options),
      (options) => channel.flush(options),
      (options) => channel.finish(options),
      (options) => channel.close(options),
      (options) => channel.receive(options),
      (options) => channel.receiveMany(1, options),
      (options) => channel.spliceTo(fd, options),
      (options) => loan.send(options),
    ];
    for (const call of calls) await expectRefused(NO_OPTIONS, call, ...LIMITS);
    expect(loan.owned).toBe(true);
    loan.release();
    expect(channel).toMatchObject({ closed: false, finished: false });
    await expectWorks(channel, here.send(10), there.receive(1));
  });

  test('unusable answers are refused, and the question can still be answered', async () => {
    const { here, there } = await stage.bothHere(role);
    const asking = there.channel.request(Buffer.from('question'));
    using question = await receiveOne(here.channel);
    using loan = await here.channel.loan(1);
    await expectRefused(NO_BYTES, (value) => question.respond(value), 'bytes', 'answer');
    await expectRefused(
      NO_OPTIONS,
      (value) => question.respond(new Uint8Array(1), value),
      ...LIMITS,
    );
    await expectRefused(NO_OPTIONS, (value) => question.respond(loan, value), ...LIMITS);
    await expectRefused(NO_OPTIONS, (value) => question.reject(new Error('no'), value), ...LIMITS);
    await expectRefused(NO_TAGS, (tag) => question.respond(new Uint8Array(1), { tag }), 'tag');
    await expectRefused(NO_TAGS, (tag) => question.respond(loan, { tag }), 'tag');
    expect(loan.owned).toBe(true);
    expect(await question.respond(Buffer.from('answer'))).toBe('sent');
    expect((await asking).copy().toString()).toBe('answer');
    expect(here.channel.stats().messagesSent).toBe(1);
  });

  test('options that do not exist are refused, with the nearest name', async () => {
    const { here, there } = await stage.bothHere(role);
    const { channel } = here;
    const asking = there.channel.request(new Uint8Array(1));
    using question = await receiveOne(channel);
    const late = { timeOut: 5 } as never;
    const bytes = new Uint8Array(1);
    const calls: Record<string, () => unknown> = {
      loan: () => channel.loan(1, late),
      send: () => channel.send(bytes, late),
      request: () => channel.request(bytes, late),
      respond: () => question.respond(bytes, late),
      reject: () => question.reject(new Error('no'), late),
      flush: () => channel.flush(late),
      finish: () => channel.finish(late),
      close: () => channel.close(late),
      receive: () => channel.receive(late),
      receiveMany: () => channel.receiveMany(1, late),
      spliceTo: () => channel.spliceTo(openNullDevice(stage), late),
    };
    for (const [name, call] of Object.entries(calls)) {
      const error = await expectFailure(call, 'INVALID_ARGUMENT');
      expect(`${name}: ${error.message}`).toBe(
        `${name}: there is no option 'timeOut': did you mean 'timeout'?`,
      );
    }
    await question.respond(bytes);
    (await asking).release();
  });

  test('deliveries of another channel are refused, and none is released', async () => {
    const [one, two] = [await stage.bothHere(role), await stage.bothHere(role)];
    await one.there.send(1);
    await two.there.send(2);
    using own = await receiveOne(one.here.channel);
    using other = await receiveOne(two.here.channel);
    await expectFailure(() => one.here.channel.releaseMany([own, other]), 'INVALID_ARGUMENT');
    expect([own.released, other.released]).toEqual([false, false]);
  });

  /** Expects that nothing was sent before, and that one message goes through. */
  async function expectWorks(
    channel: Channel,
    sending: Promise<unknown>,
    receiving: Promise<Parameters<typeof expectReceived>[0]>,
  ): Promise<void> {
    await sending;
    expectReceived(await receiving, { messages: 1, bytes: 10 });
    expect(channel.stats()).toMatchObject({ messagesSent: 1, loansHeld: 0, requestsOpen: 0 });
  }
}

function describeListening(stage: ChannelStage): void {
  test('unusable arguments are refused, and it works on', async () => {
    const listener = await stage.listener();
    const nothing = (): void => {};
    await expectRefused(NO_OPTIONS, (value) => listener.accept(value), ...LIMITS);
    await expectRefused(NO_OPTIONS, (value) => listener.receive(value), ...LIMITS);
    await expectRefused(NO_OPTIONS, (value) => listener.close(value), ...LIMITS);
    await expectRefused(NO_EVENTS, (value) => listener.on(value, nothing), 'event');
    await expectRefused(NO_EVENTS, (value) => listener.off(value, nothing), 'event');
    await expectRefused(NO_FUNCTIONS, (value) => listener.on('join', value), 'listener');
    await expectRefused(NO_FUNCTIONS, (value) => listener.off('join', value), 'listener');
    expect(listener.closed).toBe(false);
    const there = await stage.remoteChannel(listener.endpoint);
    const asking = there.ask(1, 10);
    const channel = await listener.accept();
    using question = await receiveOne(listener);
    expect(question.channel).toBe(channel);
    question.release();
    expect((await asking).failures).toEqual(['REQUEST_UNANSWERED']);
  });

  test('unusable options of listen are refused, and the endpoint stays free', async () => {
    const endpoint = stage.endpoint();
    const { transport } = stage.subject;
    const withOption = (name: string) => (value: unknown) =>
      transport.listen({ endpoint, [name]: value });
    await expectRefused(
      [undefined, null, 5, 'path', { endpoint, poolByte: 5 }],
      (value) => transport.listen(value),
      'options',
      'endpoint',
      'poolByte',
    );
    await expectRefused([undefined, null, 5, {}], withOption('endpoint'), 'endpoint');
    const { maxChannels } = stage.capabilities;
    await expectRefused(
      [...NO_INTEGERS, 0, maxChannels + 1],
      withOption('maxChannels'),
      'maxChannels',
    );
    await expectRefused([...NO_INTEGERS, 0], withOption('poolBytes'), 'poolBytes');
    await expectRefused([...NO_INTEGERS, 0], withOption('maxBorrowedBytes'), 'maxBorrowedBytes');
    await expectRefused(NO_INTEGERS, withOption('spinMicroseconds'), 'spinMicroseconds');
    const listener = await stage.listener({}, endpoint);
    const there = await stage.remoteChannel(endpoint);
    const serving = listener.receive();
    const asking = there.ask(1, 10);
    using question = await serving;
    await question?.respond(new Uint8Array(0));
    await asking;
  });

  test('unusable options of connect are refused, and nobody comes', async () => {
    const listener = await stage.listener();
    const { endpoint } = listener;
    const { transport } = stage.subject;
    const withOption = (name: string) => (value: unknown) =>
      transport.connect({ endpoint, [name]: value });
    await expectRefused(
      [undefined, null, 5, 'path', { endpoint, maxChannels: 5 }],
      (value) => transport.connect(value),
      'options',
      'endpoint',
      'maxChannels',
    );
    await expectRefused([undefined, null, 5, {}], withOption('endpoint'), 'endpoint');
    await expectRefused([...NO_INTEGERS, 0], withOption('poolBytes'), 'poolBytes');
    await expectRefused([...NO_INTEGERS, 0], withOption('maxBorrowedBytes'), 'maxBorrowedBytes');
    await expectRefused(NO_INTEGERS, withOption('spinMicroseconds'), 'spinMicroseconds');
    await expectRefused(['now', {}, null], withOption('signal'), 'signal');
    await expectRefused([-1, 0.5, '5', null], withOption('timeout'), 'timeout');
    expect(listener.channels).toEqual([]);
  });

  test.each(['', 'a\0b', 'fd:', 'fd:-1', 'fd:3x'])(
    'the endpoint %j is ENDPOINT_INVALID',
    async (endpoint) => {
      await expectFailure(() => stage.listener({}, endpoint), 'ENDPOINT_INVALID');
      await expectFailure(() => stage.channel(endpoint), 'ENDPOINT_INVALID');
    },
  );
}
