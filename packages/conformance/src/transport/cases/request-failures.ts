import type { Channel, ChannelDelivery, Loan, PageferryError } from '@pageferry/core';
import { expect, test } from 'vitest';
import {
  type ChannelStage,
  describeBothRoles,
  ROLES,
  type Role,
} from '../harness/channel-stage.js';
import { openFifo } from '../harness/destinations.js';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { fillForGood, fillWithSmall } from '../harness/filling.js';
import { receiveOne } from '../harness/here.js';
import { expectAnswered } from '../harness/questions.js';
import { answerProblem, REJECTION } from '../peers/answers.js';
import { fillPattern, findMismatch } from '../peers/pattern.js';
import type { Subject } from '../registration.js';

/** Questions that are not answered, or not in the way they should be. */
export function describeRequestFailures(subject: Subject): void {
  describeBothRoles('requests that fail', subject, (stage, role) => {
    describeWrongAnswers(stage, role);
    describeNoAnswers(stage, role);
    describeForeignLoans(stage, role);
    describeRefusals(stage, role);
  });
}

/**
 * A question of the other side that has come, and what becomes of it there. Whoever asks takes in what comes before
 * the answer: that is one message at a time here, so that the way there can be filled.
 */
async function asked(stage: ChannelStage, role: Role) {
  const { here, there } = await stage.bothHere(role, { there: { maxBorrowedBytes: 1 } });
  const asking = there.channel.request(await there.filledLoan(10));
  asking.catch(() => {});
  const question = await receiveOne(here.channel);
  stage.defer(() => question.release());
  return { here, there, asking, question };
}

function describeWrongAnswers(stage: ChannelStage, role: Role): void {
  test('a second answer is ALREADY_ANSWERED, and the first one counts', async () => {
    const { here, asking, question } = await asked(stage, role);
    expect(await question.respond(Buffer.from('first'))).toBe('sent');
    const loan = await here.channel.loan(5);
    await expectFailure(() => question.respond(loan), 'ALREADY_ANSWERED');
    await expectFailure(() => question.reject(new Error('no')), 'ALREADY_ANSWERED');
    expect(loan.owned).toBe(true);
    loan.release();
    question.release();
    expect((await asking).copy().toString()).toBe('first');
  });

  test('an answer while another one waits for room is ALREADY_ANSWERED', async () => {
    const { here, there, asking, question } = await asked(stage, role);
    const messages = await fillForGood(here.channel);
    const first = question.respond(Buffer.from('first'));
    await expectFailure(() => question.respond(Buffer.from('second')), 'ALREADY_ANSWERED');
    expectReceived(await there.receive(messages), { messages });
    expect(await first).toBe('sent');
    expect((await asking).copy().toString()).toBe('first');
  });

  test('a message that is no question is NOT_A_REQUEST', async () => {
    const { here, there } = await stage.bothHere(role);
    await there.send(10);
    using message = await receiveOne(here.channel);
    const loan = await here.channel.loan(5);
    await expectFailure(() => message.respond(loan), 'NOT_A_REQUEST');
    await expectFailure(() => message.reject(new Error('no')), 'NOT_A_REQUEST');
    expect(loan.owned).toBe(true);
    loan.release();
    await here.send(7);
    expectReceived(await there.receive(1), { messages: 1, bytes: 7 });
  });

  test('a question that was released is DELIVERY_RELEASED', async () => {
    const { here, question } = await asked(stage, role);
    question.release();
    const loan = await here.channel.loan(5);
    await expectFailure(() => question.respond(loan), 'DELIVERY_RELEASED');
    await expectFailure(() => question.reject(new Error('no')), 'DELIVERY_RELEASED');
    expect(loan.owned).toBe(true);
  });
}

/** Whoever asks learns that there is no answer. */
function describeNoAnswers(stage: ChannelStage, role: Role): void {
  test('released without an answer it is REQUEST_UNANSWERED', async () => {
    const { here, there } = await stage.pair(role);
    const released = there.answer(5, 'release');
    expect((await here.ask(5, 100)).failures).toEqual(Array(5).fill('REQUEST_UNANSWERED'));
    await released;
    const serving = there.serve(1);
    expectAnswered(await here.ask(1, 100), 1);
    await serving;
    await here.flush();
    expect(here.channel.stats()).toMatchObject({ deliveriesHeld: 0, bytesOut: 0, requestsOpen: 0 });
  });

  test('it is released with the last of its holds, and with the block it is in', async () => {
    const { here, there } = await stage.bothHere(role);
    const first = there.channel.request(new Uint8Array(1));
    const question = (await receiveOne(here.channel)).retain();
    question.release();
    expect(await question.respond(Buffer.from('late'))).toBe('sent');
    question.release();
    expect((await first).copy().toString()).toBe('late');
    const second = expectFailure(
      () => there.channel.request(new Uint8Array(1)),
      'REQUEST_UNANSWERED',
    );
    {
      using next = await receiveOne(here.channel);
      expect(next.isRequest).toBe(true);
    }
    await second;
  });

  test('released together with others each is REQUEST_UNANSWERED', async () => {
    const { here, there } = await stage.pair(role);
    const asking = there.ask(10, 100);
    const questions: ChannelDelivery[] = [];
    while (questions.length < 10) questions.push(...(await here.channel.receiveMany(10)));
    here.channel.releaseMany(questions);
    expect((await asking).failures).toEqual(Array(10).fill('REQUEST_UNANSWERED'));
  });

  test('rejected it is REQUEST_FAILED, with what it was rejected with', async () => {
    const { here, there } = await stage.pair(role);
    const rejected = there.answer(1, 'reject');
    const error = await expectFailure(
      () => here.channel.request(new Uint8Array(9)),
      'REQUEST_FAILED',
    );
    await rejected;
    expect(error.message).toContain(REJECTION.message);
    expect(error.cause).toBeInstanceOf(Error);
    expect(error.cause).toMatchObject(REJECTION);
    expect(here.channel.stats()).toMatchObject({ deliveriesHeld: 0, requestsOpen: 0 });
  });

  test.each<readonly [string, unknown, object]>([
    ['an error without a code', new TypeError('bad'), { name: 'TypeError', message: 'bad' }],
    ['a code that is no text', Object.assign(new Error('x'), { code: 5 }), { message: 'x' }],
    ['an error without a message', new Error(), { name: 'Error', message: '' }],
    ['a text', 'nothing but words', { name: 'Error', message: 'nothing but words' }],
    ['nothing', undefined, { message: 'undefined' }],
    ['no error', { message: 'plain', code: 'E_PLAIN' }, { message: 'plain', code: 'E_PLAIN' }],
    ['text of another alphabet', new Error('сбой: 失敗 💥'), { message: 'сбой: 失敗 💥' }],
  ])('rejected with %s it is REQUEST_FAILED', async (_title, reason, expected) => {
    const { question, asking } = await asked(stage, role);
    expect(await question.reject(reason)).toBe('sent');
    const { cause } = await expectFailure(() => asking, 'REQUEST_FAILED');
    expect(cause).toMatchObject(expected);
    expect(typeof (cause as PageferryError).code).not.toBe('number');
  });

  test('an error of any length travels', async () => {
    const { question, asking } = await asked(stage, role);
    await question.reject(new Error('x'.repeat(1_000_000)));
    const { cause } = await expectFailure(() => asking, 'REQUEST_FAILED');
    expect((cause as Error).message).toMatch(/^x+$/);
  });

  test('an answer without bytes is an answer', async () => {
    const { question, asking } = await asked(stage, role);
    await question.respond(new Uint8Array(0));
    using answer = await asking;
    expect(answer.byteLength).toBe(0);
  });

  test('moved on to a descriptor it is answered with no bytes', async () => {
    const { here, there } = await stage.bothHere(role);
    const fifo = openFifo(stage);
    const asking = there.channel.request(await there.filledLoan(50_000));
    expect(await here.channel.spliceTo(fifo.fd)).toMatchObject({ byteLength: 50_000, tag: 0 });
    using answer = await asking;
    expect(answer.byteLength).toBe(0);
    expect(findMismatch(await fifo.farEnd().read(50_000), 0)).toBe(-1);
  });
}

/** Memory of somebody else's is neither a question nor an answer. */
function describeForeignLoans(stage: ChannelStage, role: Role): void {
  /** Loans that are not of this side of the channel. */
  async function foreignLoans(there: Channel): Promise<readonly Loan[]> {
    const other = await stage.bothHere(role);
    const sender = await stage.sender();
    return Promise.all([there, other.here.channel, sender].map((source) => source.loan(10)));
  }

  test('a loan of somebody else as a question is INVALID_ARGUMENT, and stays', async () => {
    const { here, there } = await stage.bothHere(role);
    for (const loan of await foreignLoans(there.channel)) {
      for (const options of [undefined, { timeout: 1000 }]) {
        const error = await expectFailure(
          () => here.channel.request(loan, options),
          'INVALID_ARGUMENT',
        );
        expect(error.argument).toBe('question');
      }
      await expectFailure(() => here.channel.sendMany([loan]), 'INVALID_ARGUMENT');
      expect(loan.owned).toBe(true);
      loan.release();
    }
    expect(here.channel.stats()).toMatchObject({ requestsOpen: 0, messagesSent: 0 });
    await here.send(7);
    expectReceived(await there.receive(1), { messages: 1, bytes: 7 });
  });

  test('a loan of somebody else as an answer is INVALID_ARGUMENT, and stays', async () => {
    const { here, there, asking, question } = await asked(stage, role);
    for (const loan of await foreignLoans(there.channel)) {
      for (const options of [undefined, { timeout: 1000 }]) {
        const error = await expectFailure(
          () => question.respond(loan, options),
          'INVALID_ARGUMENT',
        );
        expect(error.argument).toBe('answer');
      }
      expect(loan.owned).toBe(true);
      loan.release();
    }
    expect(here.channel.stats().messagesSent).toBe(0);
    expect(await question.respond(Buffer.from('right'))).toBe('sent');
    expect((await asking).copy().toString()).toBe('right');
  });

  test('a loan that is not owned any more is LOAN_NOT_OWNED', async () => {
    const { here, there, asking, question } = await asked(stage, role);
    const loan = await here.channel.loan(10);
    loan.release();
    await expectFailure(() => here.channel.request(loan), 'LOAN_NOT_OWNED');
    await expectFailure(() => here.channel.request(loan, { timeout: 1000 }), 'LOAN_NOT_OWNED');
    await expectFailure(() => question.respond(loan), 'LOAN_NOT_OWNED');
    const answer = await here.channel.loan(5);
    answer.bytes.set(Buffer.from('right'));
    expect(await question.respond(answer)).toBe('sent');
    expect(answer.owned).toBe(false);
    using answered = await asking;
    expect(answered.copy().toString()).toBe('right');
    answered.release();
    const sent = await there.filledLoan(3);
    const again = there.channel.request(sent);
    await expectFailure(() => there.channel.request(sent), 'LOAN_NOT_OWNED');
    (await receiveOne(here.channel)).release();
    await expectFailure(() => again, 'REQUEST_UNANSWERED');
  });
}

/** What was not accepted was not done. */
function describeRefusals(stage: ChannelStage, role: Role): void {
  test('a question that was not accepted stays with the caller, as any message', async () => {
    const { here, there } = await stage.pair(role);
    const loan = await here.channel.loan(1);
    const { messages, refused } = fillWithSmall(here.channel);
    refused.release();
    await expectFailure(() => here.channel.request(loan, { timeout: 10 }), 'TIMEOUT');
    const controller = new AbortController();
    const asking = here.channel.request(loan, { signal: controller.signal });
    controller.abort();
    await expectFailure(() => asking, 'ABORTED');
    expect(loan.owned).toBe(true);
    expect(here.channel.stats()).toMatchObject({ requestsOpen: 0, loansHeld: 1 });
    // What it was to be is forgotten: it can be sent, and is no question.
    fillPattern(loan.bytes, messages);
    loan.tag = messages;
    const received = there.receive(messages + 1);
    expect(await loan.send()).toBe('sent');
    expectReceived(await received, { messages: messages + 1 });
  });

  test('a loan that waits to be accepted is the question that it was first', async () => {
    const { here, there } = await stage.pair(role);
    const loan = await here.channel.loan(1);
    const messages = await fillForGood(here.channel);
    fillPattern(loan.bytes, messages);
    loan.tag = messages;
    const asking = here.channel.request(loan);
    await expectFailure(() => here.channel.request(loan), 'LOAN_NOT_OWNED');
    await expectFailure(() => here.channel.request(loan, { timeout: 1000 }), 'LOAN_NOT_OWNED');
    const serving = there.serve(messages + 1);
    using answer = await asking;
    expect(answerProblem(answer, messages, 1)).toBeUndefined();
    expectReceived(await serving, { messages: messages + 1 });
    expect(here.channel.stats()).toMatchObject({ requestsOpen: 0, loansHeld: 0 });
  });

  test('an answer that was not accepted can be given again', async () => {
    const { here, there, asking, question } = await asked(stage, role);
    const loan = await here.channel.loan(1);
    const messages = await fillForGood(here.channel);
    await expectFailure(() => question.respond(loan, { timeout: 10 }), 'TIMEOUT');
    await expectFailure(() => question.respond(new Uint8Array(1), { timeout: 10 }), 'TIMEOUT');
    await expectFailure(() => question.reject(new Error('no'), { timeout: 10 }), 'TIMEOUT');
    expect(loan.owned).toBe(true);
    loan.bytes[0] = 99;
    const answered = question.respond(loan);
    expectReceived(await there.receive(messages), { messages });
    expect(await answered).toBe('sent');
    expect((await asking).bytes[0]).toBe(99);
  });

  test('an answer that is given up after its question was released is told', async () => {
    const { here, there, asking, question } = await asked(stage, role);
    const messages = await fillForGood(here.channel);
    const answered = expectFailure(
      () => question.respond(new Uint8Array(1), { timeout: 10 }),
      'TIMEOUT',
    );
    question.release();
    await answered;
    expectReceived(await there.receive(messages), { messages });
    await expectFailure(() => asking, 'REQUEST_UNANSWERED');
  });

  test('an answer to one who is gone is no-receiver, and the loan stays', async () => {
    const { here, there } = await stage.pair(role);
    const asking = there.ask(2, 10);
    const [one, two] = [await receiveOne(here.channel), await receiveOne(here.channel)];
    await there.destroy();
    await asking;
    await expectFailure(() => here.channel.receive(), 'PEER_DIED');
    const loan = await here.channel.loan(5);
    expect(await one.respond(loan)).toBe('no-receiver');
    expect(loan.owned).toBe(true);
    expect(await two.reject(new Error('no'))).toBe('no-receiver');
    loan.release();
    here.channel.releaseMany([one, two]);
    expect(here.channel.stats()).toMatchObject({ loansHeld: 0, deliveriesHeld: 0, bytesOut: 0 });
  });

  test('questions of one channel are not answered on another', async () => {
    const pairs = await Promise.all(ROLES.map((each) => stage.bothHere(each)));
    const [first, second] = pairs as [(typeof pairs)[number], (typeof pairs)[number]];
    const one = first.there.channel.request(Buffer.from('one'));
    const two = second.there.channel.request(Buffer.from('two'));
    const questions = [await receiveOne(first.here.channel), await receiveOne(second.here.channel)];
    // The first question of each has the same number.
    for (const question of questions.reverse()) {
      await question.respond(question.copy());
      question.release();
    }
    expect((await one).copy().toString()).toBe('one');
    expect((await two).copy().toString()).toBe('two');
  });
}
