import type { Channel, ChannelDelivery, Delivery, Loan, PendingRequest } from '@pageferry/core';
import { expect, test } from 'vitest';
import { type ChannelStage, describeBothRoles, type Role } from '../harness/channel-stage.js';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { fillForGood } from '../harness/filling.js';
import { receiveOne } from '../harness/here.js';
import { observe, turns } from '../harness/settling.js';
import { answerFor, answerProblem, REJECTION } from '../peers/answers.js';
import type { ChannelUser } from '../peers/channel-user.js';
import { fillPattern } from '../peers/pattern.js';
import { poll, unlessFull } from '../peers/polling.js';
import type { Subject } from '../registration.js';

/** Questions, answers and their failures for programs that poll: nothing of them is a promise. */
export function describePolledRequests(subject: Subject): void {
  describeBothRoles('requests that are polled', subject, (stage, role) => {
    describeAnswers(stage, role);
    describePendingRequests(stage, role);
    describeFailures(stage, role);
    describeRefusals(stage, role);
  });
}

/** The error with which looking for an answer fails. */
function failureOf(pending: PendingRequest, code: Parameters<typeof expectFailure>[1]) {
  return expectFailure(() => poll(() => pending.tryAnswer()), code);
}

/** Asks a question of so many bytes. */
async function ask(side: ChannelUser, byteLength: number): Promise<PendingRequest> {
  const loan = await side.filledLoan(byteLength);
  return poll(() => side.channel.tryRequest(loan));
}

const nextQuestion = (channel: Channel): Promise<ChannelDelivery> =>
  poll(() => channel.tryReceive());

/** Answers a question as `answerProblem` expects it. */
async function answer(question: ChannelDelivery, channel: Channel): Promise<void> {
  const loan = await answerFor(question, channel);
  expect(await poll(() => unlessFull(question.tryRespond(loan)))).toBe('sent');
}

function describeAnswers(stage: ChannelStage, role: Role): void {
  test('are answered one after the other, in either direction', async () => {
    const { here, there } = await stage.bothHere(role);
    for (const [one, other] of [
      [here, there],
      [there, here],
    ] as const) {
      for (const length of [0, 1, 4096, 70_001]) {
        const number = one.next;
        const pending = await ask(one, length);
        expect(one.channel.stats().requestsOpen).toBe(1);
        const question = await nextQuestion(other.channel);
        expect(question.isRequest).toBe(true);
        await answer(question, other.channel);
        question.release();
        using delivery = await poll(() => pending.tryAnswer());
        expect(answerProblem(delivery, number, length)).toBeUndefined();
        expect(one.channel.stats()).toMatchObject({ requestsOpen: 0, deliveriesHeld: 1 });
      }
    }
    expect(here.channel.stats()).toMatchObject({ loansHeld: 0, deliveriesHeld: 0 });
  });

  test('by another process, many at once', async () => {
    const { here, there } = await stage.pair(role);
    const count = 50;
    const serving = there.serve(count);
    const pending: PendingRequest[] = [];
    for (let question = 0; question < count; question++) pending.push(await ask(here, 300));
    // The newest first: an answer waits for whoever looks for it.
    for (const [index, each] of [...pending.entries()].reverse()) {
      using delivery = await poll(() => each.tryAnswer());
      expect(answerProblem(delivery, index, 300)).toBeUndefined();
    }
    await serving;
    expect(here.channel.stats()).toMatchObject({ requestsOpen: 0, deliveriesHeld: 0 });
  });

  test('leave messages that come before an answer to receive', async () => {
    const { here, there } = await stage.bothHere(role);
    const pending = await ask(here, 10);
    const question = await receiveOne(there.channel);
    await there.channel.send(Buffer.from('before'));
    await answer(question, there.channel);
    question.release();
    await there.channel.send(Buffer.from('after'));
    (await poll(() => pending.tryAnswer())).release();
    for (const expected of ['before', 'after']) {
      using message = await nextQuestion(here.channel);
      expect(message.copy().toString()).toBe(expected);
    }
  });
}

function describePendingRequests(stage: ChannelStage, role: Role): void {
  async function asked() {
    const { here, there } = await stage.bothHere(role);
    const pending = await ask(here, 10);
    const question = await receiveOne(there.channel);
    stage.defer(() => question.release());
    return { here, there, pending, question };
  }

  test('give the same answer each time', async () => {
    const { there, pending, question } = await asked();
    expect(pending.tryAnswer()).toBeUndefined();
    await answer(question, there.channel);
    using delivery = await poll(() => pending.tryAnswer());
    expect(pending.tryAnswer()).toBe(delivery);
    expect(await pending.answer()).toBe(delivery);
    pending.abandon();
    expect(delivery.released).toBe(false);
    expect(answerProblem(delivery, 0, 10)).toBeUndefined();
  });

  test('may be waited for, and are as they were when a wait is given up', async () => {
    const { here, there, pending, question } = await asked();
    await expectFailure(() => pending.answer({ timeout: 5 }), 'TIMEOUT');
    const controller = new AbortController();
    const waiting = pending.answer({ signal: controller.signal });
    controller.abort();
    await expectFailure(() => waiting, 'ABORTED');
    await expectFailure(() => pending.answer({ timeout: -1 }), 'INVALID_ARGUMENT');
    expect(here.channel.stats().requestsOpen).toBe(1);
    const last = pending.answer();
    await answer(question, there.channel);
    using delivery = await last;
    expect(answerProblem(delivery, 0, 10)).toBeUndefined();
  });

  test('that are given up while somebody waits for the answer are ABORTED there, and at once', async () => {
    const { here, pending } = await asked();
    const waiting = observe(pending.answer());
    await turns(50);
    expect(waiting.state()).toBe('pending');
    pending.abandon();
    await expectFailure(() => waiting.promise, 'ABORTED');
    expect(here.channel.stats().requestsOpen).toBe(1);
  });

  test('that are given up are ABORTED, and their answers are released', async () => {
    const { here, there, pending, question } = await asked();
    pending.abandon();
    pending.abandon();
    await failureOf(pending, 'ABORTED');
    await expectFailure(() => pending.answer(), 'ABORTED');
    await answer(question, there.channel);
    question.release();
    await there.channel.flush();
    await poll(() => here.channel.stats().requestsOpen === 0 || undefined);
    expect(here.channel.stats()).toMatchObject({ deliveriesHeld: 0, bytesHeld: 0 });
    expect(there.channel.stats().bytesOut).toBe(0);
  });
}

function describeFailures(stage: ChannelStage, role: Role): void {
  test('fail as those that are awaited, and in the same way each time', async () => {
    const { here, there } = await stage.bothHere(role);
    const rejected = await ask(here, 1);
    const released = await ask(here, 1);
    await (await receiveOne(there.channel)).reject(
      Object.assign(new RangeError(REJECTION.message), { code: REJECTION.code }),
    );
    (await receiveOne(there.channel)).release();
    const error = await failureOf(rejected, 'REQUEST_FAILED');
    expect(error.cause).toMatchObject(REJECTION);
    expect(await failureOf(rejected, 'REQUEST_FAILED')).toBe(error);
    const awaited = await expectFailure(() => rejected.answer(), 'REQUEST_FAILED');
    expect(awaited.cause).toBe(error.cause);
    await failureOf(released, 'REQUEST_UNANSWERED');
    expect(here.channel.stats()).toMatchObject({ requestsOpen: 0, deliveriesHeld: 0 });
  });

  test('fail with the orderly end of the other side', async () => {
    const { here, there } = await stage.bothHere(role);
    const pending = await ask(here, 1);
    const finishing = there.channel.finish();
    const error = await failureOf(pending, 'REQUEST_UNANSWERED');
    expect(await failureOf(pending, 'REQUEST_UNANSWERED')).toBe(error);
    await finishing;
    expect(here.channel.stats().requestsOpen).toBe(0);
  });

  test('fail with the death of the other side, and no more can be asked', async () => {
    const { here, there } = await stage.pair(role);
    const loan = await here.channel.loan(1);
    const pending = await ask(here, 1);
    await there.destroy();
    await failureOf(pending, 'PEER_DIED');
    await failureOf(pending, 'PEER_DIED');
    await expectFailure(() => poll(() => here.channel.tryRequest(loan)), 'PEER_DIED');
    expect(loan.owned).toBe(true);
    expect(here.channel.stats()).toMatchObject({ requestsOpen: 0, loansHeld: 1 });
  });

  test('fail with the end of this side', async () => {
    const { here } = await stage.bothHere(role);
    const loan = await here.channel.loan(1);
    const [one, two] = [await ask(here, 1), await ask(here, 1)];
    await here.channel.destroy();
    await failureOf(one, 'CLOSED');
    await expectFailure(() => two.answer(), 'CLOSED');
    await expectFailure(() => here.channel.tryRequest(loan), 'CLOSED');
  });
}

function describeRefusals(stage: ChannelStage, role: Role): void {
  test('there is none while there is no room, and the loan stays', async () => {
    const { here, there } = await stage.pair(role);
    const loan = await here.channel.loan(1);
    const messages = await fillForGood(here.channel);
    expect(here.channel.tryRequest(loan)).toBeUndefined();
    expect(loan.owned).toBe(true);
    expect(here.channel.stats()).toMatchObject({ requestsOpen: 0, loansHeld: 1 });
    fillPattern(loan.bytes, messages);
    loan.tag = messages;
    const serving = there.serve(messages + 1);
    const pending = await poll(() => here.channel.tryRequest(loan));
    expect(loan.owned).toBe(false);
    using delivery: Delivery = await poll(() => pending.tryAnswer());
    expect(answerProblem(delivery, messages, 1)).toBeUndefined();
    expectReceived(await serving, { messages: messages + 1 });
  });

  test('an answer that has no room is full, and can be given again', async () => {
    const { here, there } = await stage.bothHere(role, { there: { maxBorrowedBytes: 1 } });
    const pending = await ask(there, 10);
    const question = await receiveOne(here.channel);
    const loan = await here.channel.loan(1);
    const messages = await fillForGood(here.channel);
    expect(question.tryRespond(loan)).toBe('full');
    expect(loan.owned).toBe(true);
    loan.bytes[0] = 99;
    expectReceived(await there.receive(messages), { messages });
    expect(await poll(() => unlessFull(question.tryRespond(loan)))).toBe('sent');
    await expectFailure(() => question.tryRespond(loan), 'ALREADY_ANSWERED');
    question.release();
    using delivery = await poll(() => pending.tryAnswer());
    expect(delivery.bytes[0]).toBe(99);
  });

  test('an answer to one who is gone is no-receiver, and the loan stays', async () => {
    const { here, there } = await stage.pair(role);
    const asking = there.ask(1, 10);
    using question = await receiveOne(here.channel);
    await there.destroy();
    await asking;
    await expectFailure(() => here.channel.receive(), 'PEER_DIED');
    using loan = await here.channel.loan(5);
    expect(question.tryRespond(loan)).toBe('no-receiver');
    expect(loan.owned).toBe(true);
  });

  test('what cannot be asked or answered stays as it is', async () => {
    const { here, there } = await stage.bothHere(role);
    const foreign = await there.channel.loan(1);
    const bytes = new Uint8Array(1) as unknown as Loan;
    for (const wrong of [foreign, bytes, undefined as unknown as Loan]) {
      const error = await expectFailure(() => here.channel.tryRequest(wrong), 'INVALID_ARGUMENT');
      expect(error.argument).toBe('question');
    }
    foreign.release();
    const released = await here.channel.loan(1);
    released.release();
    await expectFailure(() => here.channel.tryRequest(released), 'LOAN_NOT_OWNED');
    const pending = await ask(there, 10);
    const question = await receiveOne(here.channel);
    const other = await there.channel.loan(1);
    for (const wrong of [other, bytes]) {
      const error = await expectFailure(() => question.tryRespond(wrong), 'INVALID_ARGUMENT');
      expect(error.argument).toBe('answer');
    }
    await expectFailure(() => question.tryRespond(released), 'LOAN_NOT_OWNED');
    expect(here.channel.stats()).toMatchObject({ messagesSent: 0, requestsOpen: 0 });
    await answer(question, here.channel);
    question.release();
    using delivery = await poll(() => pending.tryAnswer());
    expect(answerProblem(delivery, 0, 10)).toBeUndefined();
    using late = await here.channel.loan(1);
    await expectFailure(() => question.tryRespond(late), 'DELIVERY_RELEASED');
    await here.channel.send(Buffer.from('no question'));
    using message = await receiveOne(there.channel);
    await expectFailure(() => message.tryRespond(other), 'NOT_A_REQUEST');
    other.release();
  });
}
