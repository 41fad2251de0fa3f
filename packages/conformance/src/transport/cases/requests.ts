import type { ChannelDelivery, Delivery } from '@pageferry/core';
import { expect, test } from 'vitest';
import { type ChannelStage, describeBothRoles, type Role } from '../harness/channel-stage.js';
import { openFifo } from '../harness/destinations.js';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { receiveOne } from '../harness/here.js';
import { expectAnswered } from '../harness/questions.js';
import { observe, turns } from '../harness/settling.js';
import { turnsDuring } from '../harness/turns-during.js';
import { answerProblem, respondTo } from '../peers/answers.js';
import type { ChannelUser } from '../peers/channel-user.js';
import { findMismatch } from '../peers/pattern.js';
import type { Subject } from '../registration.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Questions, and the answers to them. */
export function describeRequests(subject: Subject): void {
  describeBothRoles('requests', subject, (stage, role) => {
    describeAnswers(stage, role);
    describeBesideMessages(stage, role);
    describeMemory(stage, role);
  });
}

function describeAnswers(stage: ChannelStage, role: Role): void {
  test('are answered one after the other, in either direction', async () => {
    const { here, there } = await stage.pair(role);
    for (const length of [0, 1, 4096, 70_001, 3 * MIB]) {
      const serving = there.serve(1);
      expectAnswered(await here.ask(1, length), 1);
      expect(await serving).toMatchObject({ messages: 1, questions: 1, problems: [] });
      const serves = here.serve(1);
      expectAnswered(await there.ask(1, length), 1);
      expect(await serves).toMatchObject({ messages: 1, questions: 1, problems: [] });
    }
    expect(await here.stats()).toMatchObject({ requestsOpen: 0, deliveriesHeld: 0 });
    expect(await there.stats()).toMatchObject({ requestsOpen: 0, deliveriesHeld: 0 });
  });

  test('that are under way at once may be answered in reverse order', async () => {
    const { here, there } = await stage.pair(role);
    const count = 100;
    // All of them have come before the first one is answered.
    const answered = there.answer(count, 'respond');
    expectAnswered(await here.ask(count, 500), count);
    await answered;
    expect(here.channel.stats()).toMatchObject({ requestsOpen: 0, deliveriesHeld: 0 });
    const answers = here.answer(count, 'respond');
    expectAnswered(await there.ask(count, 500), count);
    await answers;
  });

  test('that have come before anybody receives, and are held, are answered', async () => {
    const { here, there } = await stage.pair(role);
    const count = 100;
    const asked = here.ask(count, 500);
    // As many as there is room for are there by then, and the others wait.
    await turns();
    const answered = there.answer(count, 'respond');
    expectAnswered(await asked, count);
    await answered;
  });

  test('of both sides cross each other', async () => {
    const { here, there } = await stage.pair(role);
    const count = 300;
    const serving = [here.serve(count), there.serve(count)];
    const reports = await Promise.all([here.ask(count, 300), there.ask(count, 300)]);
    for (const report of reports) expectAnswered(report, count);
    for (const report of await Promise.all(serving)) {
      expect(report).toMatchObject({ messages: count, questions: count, problems: [] });
    }
    await Promise.all([here.flush(), there.flush()]);
    const expected = { requestsOpen: 0, deliveriesHeld: 0, bytesHeld: 0, bytesOut: 0 };
    expect(await here.stats()).toMatchObject({ ...expected, loansHeld: 0 });
    expect(await there.stats()).toMatchObject({ ...expected, loansHeld: 0 });
  });

  test('of both sides with small pools cross each other', async () => {
    const small = { poolBytes: 64 * KIB, maxBorrowedBytes: 64 * KIB };
    const { here, there } = await stage.pair(role, { here: small, there: small });
    const rounds = 60;
    // Who has its whole pool out in questions has no room for an answer.
    const atOnce = 4;
    const serving = [here.serve(rounds * atOnce), there.serve(rounds * atOnce)];
    const asking = [here, there].map(async (side) => {
      for (let round = 0; round < rounds; round++) {
        expectAnswered(await side.ask(atOnce, 5000), atOnce);
      }
    });
    await Promise.all([...asking, ...serving]);
    await Promise.all([here.flush(), there.flush()]);
    expect(await here.stats()).toMatchObject({ bytesOut: 0, bytesHeld: 0 });
    expect(await there.stats()).toMatchObject({ bytesOut: 0, bytesHeld: 0 });
  });

  test('that were released still tell what they were, while others come in their place', async () => {
    const { here, there } = await stage.bothHere(role);
    const seen: ChannelDelivery[] = [];
    const told: unknown[] = [];
    const look = (message: ChannelDelivery) => [message.sequence, message.isRequest, message.tag];
    const note = (message: ChannelDelivery): void => {
      seen.push(message);
      told.push(look(message));
      message.release();
    };
    for (let round = 0; round < 6; round++) {
      const asking = here.channel.request(new Uint8Array(50));
      const question = await receiveOne(there.channel);
      expect(question.isRequest).toBe(true);
      await question.respond(new Uint8Array(50));
      note(question);
      (await asking).release();
      await here.channel.send(new Uint8Array(50));
      note(await receiveOne(there.channel));
      await here.channel.flush();
    }
    expect(seen.map(look)).toEqual(told);
    for (const message of seen) {
      await expectFailure(() => message.respond(new Uint8Array(1)), 'DELIVERY_RELEASED');
    }
  });

  test('may be answered within an answer', async () => {
    const { here, there } = await stage.bothHere(role);
    const outer = here.channel.request(await here.filledLoan(10));
    using question = await receiveOne(there.channel);
    const inner = there.channel.request(await there.filledLoan(20));
    using back = await receiveOne(here.channel);
    await respondTo(back, here.channel);
    using innerAnswer = await inner;
    expect(answerProblem(innerAnswer, 0, 20)).toBeUndefined();
    await respondTo(question, there.channel);
    using outerAnswer = await outer;
    expect(answerProblem(outerAnswer, 0, 10)).toBeUndefined();
  });

  test('and answers take bytes as well as loans', async () => {
    const { here, there } = await stage.bothHere(role);
    const views = [Buffer.from('one'), new Uint16Array([1, 2]), new Uint8Array(0)];
    const payloads = [...views, [Buffer.from('two'), new DataView(new ArrayBuffer(3))]];
    for (const payload of payloads) {
      const whole = Buffer.concat(
        [payload].flat().map((view) => Buffer.from(view.buffer, view.byteOffset, view.byteLength)),
      );
      const asking = here.channel.request(payload);
      using question = await receiveOne(there.channel);
      expect(question.isRequest).toBe(true);
      expect(question.copy()).toEqual(whole);
      expect(await question.respond(payload)).toBe('sent');
      using answer = await asking;
      expect(answer.copy()).toEqual(whole);
    }
  });

  test('let timers and immediates run in a tight loop', async () => {
    const { here, there } = await stage.pair(role);
    const count = 3000;
    const serving = there.serve(count);
    const { immediates, timers } = await turnsDuring(stage, async () => {
      for (let question = 0; question < count; question++) {
        (await here.channel.request(await here.filledLoan(8))).release();
      }
    });
    await serving;
    expect(immediates).toBeGreaterThan(2);
    expect(timers).toBeGreaterThan(1);
  });
}

/** Messages that are neither questions nor answers go their own way. */
function describeBesideMessages(stage: ChannelStage, role: Role): void {
  test('do not disturb the order of messages before and after them', async () => {
    const { here, there } = await stage.pair(role);
    const total = 300;
    const serving = there.serve(total);
    const asked: Promise<Delivery>[] = [];
    for (let number = 0; number < total; number++) {
      const loan = await here.filledLoan(number % 5 === 0 ? 70_000 : number);
      if (number % 3 === 0) asked.push(here.channel.request(loan));
      else await loan.send();
    }
    const report = await serving;
    expectReceived(report, { messages: total });
    expect(report.questions).toBe(100);
    for (const [index, asking] of asked.entries()) {
      using answer = await asking;
      const number = index * 3;
      expect(answerProblem(answer, number, number % 5 === 0 ? 70_000 : number)).toBeUndefined();
    }
  });

  test('that wait lose no message that comes before their answer', async () => {
    const { here, there } = await stage.pair(role);
    const asking = observe(here.channel.request(await here.filledLoan(100)));
    await there.answer(1, 'keep');
    await there.sendMany(50, 3000);
    await there.send(70_000);
    // Nobody has received: the messages are there when somebody does.
    await there.release();
    await expectFailure(() => asking.promise, 'REQUEST_UNANSWERED');
    expectReceived(await here.receive(51), { messages: 51, bytes: 220_000 });
    expect(here.channel.stats()).toMatchObject({ deliveriesHeld: 0, bytesHeld: 0 });
  });

  test('are answered past a stream of messages, which all come in order', async () => {
    const { here, there } = await stage.pair(role);
    const serving = there.serve(40);
    const count = 2000;
    const streaming = there.sendMany(count, 700);
    const receiving = here.receive(count);
    for (let round = 0; round < 4; round++) expectAnswered(await here.ask(10, 900), 10);
    expectReceived(await receiving, { messages: count });
    await streaming;
    await serving;
  });

  test('that were answered early leave what comes next to peek, tryReceive and receiveMany', async () => {
    const { here, there } = await stage.pair(role);
    const { channel } = here;
    await there.send(1, 2, 3, 4);
    const serving = there.serve(1);
    expectAnswered(await here.ask(1, 100), 1);
    await serving;
    await there.send(5);
    expect(channel.stats()).toMatchObject({ deliveriesHeld: 0, bytesHeld: 0 });
    await stage.until(() => channel.peek() !== undefined);
    expect(channel.peek()).toMatchObject({ byteLength: 1, tag: 0 });
    expect(channel.peek()).toMatchObject({ byteLength: 1, tag: 0 });
    const lengths: number[] = [];
    using first = channel.tryReceive();
    lengths.push(first?.byteLength ?? -1);
    while (lengths.length < 5) {
      const deliveries = await channel.receiveMany(100);
      for (const { byteLength } of deliveries) lengths.push(byteLength);
      channel.releaseMany(deliveries);
    }
    expect(lengths).toEqual([1, 2, 3, 4, 5]);
  });

  test('that come while receive waits are answered, and receive waits on', async () => {
    const { here, there } = await stage.pair(role);
    const waiting = observe(here.channel.receive());
    const serving = there.serve(20);
    expectAnswered(await here.ask(20, 1000), 20);
    await serving;
    await turns();
    // An answer is no message for who receives.
    expect(waiting.state()).toBe('pending');
    await there.send(77);
    using delivery = (await waiting.promise) as ChannelDelivery;
    expect(delivery).toMatchObject({ byteLength: 77, tag: 0, isRequest: false });
  });

  test('that are asked while a message is moved on are answered, and it is moved on whole', async () => {
    const { here, there } = await stage.pair(role);
    const fifo = openFifo(stage);
    // Some of it may have to wait until this side takes it.
    const sending = there.send(2 * MIB, 5);
    // The destination takes a part of it, and no more before it is read.
    const moving = here.channel.spliceTo(fifo.fd);
    const serving = there.serve(3);
    const asking = here.ask(3, 100);
    await turns();
    const moved = await fifo.farEnd().read(2 * MIB);
    expect(findMismatch(moved, 0)).toBe(-1);
    expect(await moving).toMatchObject({ byteLength: 2 * MIB, tag: 0 });
    await sending;
    expectAnswered(await asking, 3);
    await serving;
    using next = await receiveOne(here.channel);
    expect(next).toMatchObject({ byteLength: 5, tag: 1 });
  });

  test('are received by whoever waits, as other messages', async () => {
    const { here, there } = await stage.pair(role);
    const waiting = [here.channel.receive(), here.channel.receive(), here.channel.receive()];
    await there.send(1);
    const asking = there.ask(1, 2);
    const [first, question] = await Promise.all(waiting.slice(0, 2));
    expect([first?.isRequest, question?.isRequest]).toEqual([false, true]);
    await respondTo(question as ChannelDelivery, here.channel);
    expectAnswered(await asking, 1);
    await there.send(3);
    const third = await waiting[2];
    expect([first, question, third].map((each) => each?.byteLength)).toEqual([1, 2, 3]);
    for (const each of [first, question, third]) each?.release();
  });
}

/** Questions and answers are memory of somebody's, too. */
function describeMemory(stage: ChannelStage, role: Role): void {
  test('whose answers are held keep their bytes, and count as deliveries', async () => {
    const { here, there } = await stage.pair(role);
    const serving = there.serve();
    const answers: Delivery[] = [];
    for (let question = 0; question < 5; question++) {
      answers.push(await here.channel.request(await here.filledLoan(50_000)));
    }
    expect(here.channel.stats()).toMatchObject({ deliveriesHeld: 5, bytesHeld: 250_000 });
    expectAnswered(await here.ask(200, 50_000), 200);
    for (const [number, answer] of answers.entries()) {
      expect(answerProblem(answer, number, 50_000)).toBeUndefined();
    }
    here.channel.releaseMany(answers);
    expect(here.channel.stats()).toMatchObject({ deliveriesHeld: 0, bytesHeld: 0 });
    await here.finish();
    await serving;
    await there.flush();
    expect(await there.stats()).toMatchObject({ bytesOut: 0, loansHeld: 0 });
  });

  test('whose answers may not be held wait until others are released', async () => {
    const { here, there } = await stage.pair(role, { here: { maxBorrowedBytes: 100_000 } });
    const serving = there.serve(3);
    const ask = async (user: ChannelUser): Promise<Delivery> =>
      user.channel.request(await user.filledLoan(60_000));
    const first = await ask(here);
    const second = observe(ask(here));
    await stage.until(async () => (await there.stats()).messagesSent === 2);
    await turns(50);
    expect(second.state()).toBe('pending');
    first.release();
    (await second.promise).release();
    (await ask(here)).release();
    await serving;
  });

  test('behind more messages than may be held are answered once those are received', async () => {
    const { here, there } = await stage.pair(role, { here: { maxBorrowedBytes: 64 * KIB } });
    const asking = observe(here.ask(1, 1000));
    await there.answer(1, 'keep');
    await there.sendMany(8, 16 * KIB);
    const answered = there.release();
    await turns(50);
    expect(asking.state()).toBe('pending');
    expectReceived(await here.receive(8), { messages: 8 });
    await answered;
    expect((await asking.promise).failures).toEqual(['REQUEST_UNANSWERED']);
    expect(here.channel.stats()).toMatchObject({ deliveriesHeld: 0, bytesHeld: 0 });
  });
}
