import type { Channel, ChannelDelivery, Loan } from '@pageferry/core';
import { temporaryFolder } from '@pageferry/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';
import { sharedMmap } from '../dist/index.js';

const endpoints = temporaryFolder();

/** Both sides of a channel, in one process. */
async function connected(): Promise<readonly [Channel, Channel]> {
  const settings = { endpoint: endpoints.fresh(), spinMicroseconds: 0 };
  const listener = await sharedMmap.listen(settings);
  onTestFinished(() => listener.destroy());
  return await Promise.all([listener.accept(), sharedMmap.connect(settings)]);
}

/** Bytes that call back in while they are laid out. */
function callingBack(callback: () => void): Uint8Array[] {
  const pieces = [Buffer.from('head')];
  const get = (): Uint8Array => {
    callback();
    return Buffer.alloc(0);
  };
  return Object.defineProperty(pieces, 1, { enumerable: true, get });
}

async function asked(here: Channel, there: Channel) {
  const answer = here.request(Buffer.from('question'));
  answer.catch(() => undefined);
  return { answer, question: (await there.receive()) as ChannelDelivery };
}

describe('a question whose answer calls back in while it is laid out', () => {
  test('is answered once', async () => {
    const [here, there] = await connected();
    const { answer, question } = await asked(here, there);
    let inner: Promise<unknown> | undefined;
    const pieces = callingBack(() => {
      inner ??= question.reject(new Error('not this one'));
      inner.catch(() => undefined);
    });
    expect(await question.respond(pieces)).toBe('sent');
    await expect(inner).rejects.toMatchObject({ code: 'ALREADY_ANSWERED' });
    expect(`${(await answer).copy()}`).toBe('head');
    expect(there.stats().messagesSent).toBe(1);
  });

  test('is not left unanswered when it is released meanwhile', async () => {
    const [here, there] = await connected();
    const { answer, question } = await asked(here, there);
    expect(await question.respond(callingBack(() => question.release()))).toBe('sent');
    expect(`${(await answer).copy()}`).toBe('head');
    expect(there.stats().messagesSent).toBe(1);
  });

  test('can be answered again if nothing was sent, and is left unanswered if it was released', async () => {
    const [here, there] = await connected();
    const first = await asked(here, there);
    await expect(first.question.respond([1] as never)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    expect(await first.question.respond(Buffer.from('yes'))).toBe('sent');
    expect(`${(await first.answer).copy()}`).toBe('yes');
    const second = await asked(here, there);
    const failing = callingBack(() => {
      second.question.release();
      throw new Error('no bytes');
    });
    await expect(second.question.respond(failing)).rejects.toThrow('no bytes');
    await expect(second.answer).rejects.toMatchObject({ code: 'REQUEST_UNANSWERED' });
  });
});

test.each(['bytes', 'a loan'])(
  'a question of %s whose channel is closed while its answer waits is CLOSED',
  async (kind) => {
    for (const end of ['close', 'destroy'] as const) {
      const [here, there] = await connected();
      const answer = here.request(kind === 'bytes' ? Buffer.alloc(8) : (here.tryLoan(8) as Loan));
      let question = there.tryReceive();
      while (question === undefined) {
        await null;
        question = there.tryReceive();
      }
      void question.respond(Buffer.from('answer'));
      question.release();
      // Takes the answer in.
      expect(here.tryReceive()).toBeUndefined();
      const ending = here[end]();
      await expect(answer).rejects.toMatchObject({ code: 'CLOSED' });
      await ending;
    }
  },
);

test.each(['bytes', 'loans'])(
  'answers by %s to questions that were held let the event loop turn',
  async (kind) => {
    const [here, there] = await connected();
    const answers = Array.from({ length: 100 }, () => here.request(Buffer.alloc(8)));
    const questions = await there.receiveMany(100);
    let turns = 0;
    let counting = setImmediate(function count() {
      turns++;
      counting = setImmediate(count);
    });
    for (const question of questions) {
      const end = performance.now() + 0.01;
      while (performance.now() < end);
      await question.respond(kind === 'bytes' ? Buffer.alloc(8) : (there.tryLoan(8) as Loan));
      question.release();
    }
    clearImmediate(counting);
    expect(turns).toBeGreaterThan(3);
    for (const answer of await Promise.all(answers)) answer.release();
  },
);

test.each(['send', 'request', 'respond'] as const)(
  'an error of %s says where it was called',
  async (call) => {
    const [here, there] = await connected();
    const { question } = await asked(here, there);
    const target = call === 'respond' ? question : here;
    async function theCaller(): Promise<void> {
      await (target as unknown as Record<string, (bytes: unknown) => Promise<unknown>>)[call]?.([
        1,
      ]);
    }
    await expect(theCaller()).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      stack: expect.stringContaining('theCaller'),
    });
    question.release();
  },
);
