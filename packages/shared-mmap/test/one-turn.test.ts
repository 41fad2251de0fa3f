import type { Channel, Loan } from '@pageferry/core';
import { temporaryFolder } from '@pageferry/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';
import { sharedMmap } from '../dist/index.js';

// What is sent while the event loop is due for a turn must not get into line to wait for it: whoever came next would have to get
// into line, too, and it would never be empty again.
const still = { spinMicroseconds: 0 };
const MANY = 40;

const endpoints = temporaryFolder();

async function connected(waiting = still): Promise<readonly [Channel, Channel]> {
  const endpoint = endpoints.fresh();
  const listener = await sharedMmap.listen({ endpoint, ...waiting });
  onTestFinished(() => listener.close());
  const [here, there] = await Promise.all([
    listener.accept(),
    sharedMmap.connect({ endpoint, ...waiting }),
  ]);
  return [here, there];
}

/** Has the event loop be due for a turn, as one side sees it: that has held it for as long as it may. */
async function useUpTurn(side: Pick<Channel, 'loan'>): Promise<void> {
  await new Promise(setImmediate);
  (await side.loan(8)).release();
  const end = performance.now() + 1;
  while (performance.now() < end);
}

function lendMany(from: { tryLoan(byteLength: number): Loan | undefined }): Loan[] {
  return Array.from({ length: MANY }, () => from.tryLoan(8) as Loan);
}

describe('a turn of the event loop', () => {
  test('has everything sent in it that is sent in it, and is over before anybody goes on', async () => {
    const endpoint = endpoints.fresh();
    await using sender = await sharedMmap.createSender({ endpoint, ...still });
    await using receiver = await sharedMmap.createReceiver({ endpoint, ...still });
    await sender.waitForReceivers();
    const loans = lendMany(sender);
    await useUpTurn(sender);
    let turns = 0;
    setImmediate(() => turns++);
    const outcomes = loans.map((loan) => loan.send());
    expect(sender.stats().messagesSent).toBe(MANY);
    expect(await Promise.all(outcomes)).toEqual(loans.map(() => 'sent'));
    expect(turns).toBe(1);
    expect(await receiver.receiveMany(MANY)).toHaveLength(MANY);
  });

  test('has everything copied and sent in it that is short enough to be copied at once', async () => {
    const endpoint = endpoints.fresh();
    await using sender = await sharedMmap.createSender({ endpoint, ...still });
    await using receiver = await sharedMmap.createReceiver({ endpoint, ...still });
    await sender.waitForReceivers();
    await useUpTurn(sender);
    let turns = 0;
    setImmediate(() => turns++);
    const outcomes = Array.from({ length: MANY }, (_, index) => sender.send(Buffer.of(index)));
    expect(sender.stats().messagesSent).toBe(MANY);
    expect(await Promise.all(outcomes)).toEqual(outcomes.map(() => 'sent'));
    expect(turns).toBe(1);
    const deliveries = await receiver.receiveMany(MANY);
    expect(deliveries.map(({ bytes }) => bytes[0])).toEqual(outcomes.map((_, index) => index));
  });

  test('has everything lent in it that there is room for, and is over before anybody goes on', async () => {
    const endpoint = endpoints.fresh();
    await using sender = await sharedMmap.createSender({ endpoint, ...still });
    await useUpTurn(sender);
    let turns = 0;
    setImmediate(() => turns++);
    const lending = Array.from({ length: MANY }, () => sender.loan(8));
    expect(sender.stats().loansHeld).toBe(MANY);
    for (const loan of await Promise.all(lending)) loan.release();
    expect(turns).toBe(1);
  });

  test('that was due for a loan: it is not there if the sender was closed meanwhile', async () => {
    const endpoint = endpoints.fresh();
    const sender = await sharedMmap.createSender({ endpoint, ...still });
    await useUpTurn(sender);
    const lending = Array.from({ length: MANY }, () => sender.loan(8));
    await sender.destroy();
    const outcomes = await Promise.allSettled(lending);
    expect(outcomes.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'CLOSED' } });
    expect(sender.stats().loansHeld).toBe(0);
  });

  test('has every question asked in it that is asked in it, and each gets its own answer', async () => {
    const [here, there] = await connected();
    const questions = lendMany(here);
    for (const [index, loan] of questions.entries()) loan.bytes[0] = index;
    await useUpTurn(here);
    const answers = questions.map((loan) => here.request(loan));
    expect(here.stats().messagesSent).toBe(MANY);
    const serving = (async () => {
      // Newest first: most of them wait while others are answered.
      const asked = await there.receiveMany(MANY);
      for (const question of asked.toReversed()) {
        await question.respond(question.bytes.slice());
        question.release();
      }
    })();
    for (const [index, answer] of answers.entries()) {
      using delivery = await answer;
      expect(delivery.bytes[0]).toBe(index);
    }
    await serving;
    await Promise.all([here.close(), there.close()]);
  });

  test('is not needed for a question that is answered on the same thread', async () => {
    // Who asks would look for the answer all that time, and keep the other side from it.
    const [here, there] = await connected({ spinMicroseconds: 1_000_000 });
    let turns = 0;
    setImmediate(() => turns++);
    for (const asked of [Buffer.from('?'), here.tryLoan(1) as Loan]) {
      const answer = here.request(asked);
      using question = await there.receive();
      await question?.respond(Buffer.from('!'));
      using got = await answer;
      expect(`${got.copy()}`).toBe('!');
    }
    expect(turns).toBe(0);
    await Promise.all([here.destroy(), there.destroy()]);
  });

  test('questions that wait together learn that the other side is gone, each of them', async () => {
    const [here, there] = await connected();
    await useUpTurn(here);
    const answers = lendMany(here).map((loan) => here.request(loan));
    const outcomes = Promise.allSettled(answers);
    using first = await there.receive();
    await first?.respond(Buffer.from('one'));
    await there.destroy();
    const [answered, ...others] = await outcomes;
    expect(answered?.status).toBe('fulfilled');
    for (const outcome of others) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { name: 'PageferryError' } });
    }
    await here.destroy();
  });

  test('an answer that comes before its question is told sent is none once the channel is closed', async () => {
    const [here, there] = await connected();
    const { signal } = new AbortController();
    await useUpTurn(here);
    const asking = lendMany(here).map((loan) => here.request(loan, { signal }));
    const outcomes = Promise.allSettled(asking);
    for (let asked = there.tryReceive(); asked; asked = there.tryReceive()) {
      expect(asked.tryRespond(there.tryLoan(8) as Loan)).toBe('sent');
      asked.release();
    }
    // Takes the answers in.
    expect(here.tryReceive()).toBeUndefined();
    const closing = here.destroy();
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'CLOSED' } });
    }
    await Promise.all([closing, there.destroy()]);
  });

  test('an answer that was released is the same one each time that it is asked for', async () => {
    const [here, there] = await connected();
    const pending = here.tryRequest(here.tryLoan(8) as Loan);
    using question = await there.receive();
    await question?.respond(Buffer.from('yes'));
    const answer = await pending?.answer();
    answer?.release();
    expect(await pending?.answer()).toBe(answer);
    expect(pending?.tryAnswer()).toBe(answer);
    await Promise.all([here.destroy(), there.destroy()]);
  });

  test('of questions that wait together one is given up, and the others are answered', async () => {
    const [here, there] = await connected();
    const controller = new AbortController();
    const { signal } = controller;
    await useUpTurn(here);
    const answers = lendMany(here).map((loan, index) =>
      here.request(loan, index === 0 || index === 7 ? { signal } : {}),
    );
    const outcomes = Promise.allSettled(answers);
    const asked = await there.receiveMany(MANY);
    controller.abort();
    for (const question of asked) {
      await question.respond(Buffer.from('yes'));
      question.release();
    }
    const states = (await outcomes).map(({ status }) => status);
    expect(states.filter((state) => state === 'rejected')).toHaveLength(2);
    expect([states[0], states[7]]).toEqual(['rejected', 'rejected']);
    await Promise.all([here.destroy(), there.destroy()]);
  });
});
