import type { Listener, Loan } from '@pageferry/core';
import { sharedMmap } from '@pageferry/shared-mmap';
import { Child, expectNothingLeft, temporaryFolder, withCode } from '@pageferry/testkit';
import { describe, expect, test, vi } from 'vitest';

const WORKER = new URL('peers/worker.mjs', import.meta.url);
const { fresh } = temporaryFolder();

/** A listener, and workers in processes of their own. */
class Workshop implements AsyncDisposable {
  readonly workers: Child[] = [];

  private constructor(readonly listener: Listener) {}

  static async open(...kinds: ('silent' | 'answers')[]): Promise<Workshop> {
    const listener = await sharedMmap.listen({ endpoint: fresh(), poolBytes: 1024 * 1024 });
    const workshop = new Workshop(listener);
    for (const kind of kinds) await workshop.start(kind);
    await listener.waitForChannels(kinds.length, { timeout: 20_000 });
    return workshop;
  }

  async start(kind: 'silent' | 'answers'): Promise<void> {
    const worker = new Child(WORKER, [this.listener.endpoint, kind]);
    this.workers.push(worker);
    await worker.message();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.destroy();
    for (const worker of this.workers) await worker[Symbol.asyncDispose]();
  }
}

describe('all channels of a listener as one', () => {
  expectNothingLeft();

  test('give each question to one of them, and each answer to who has asked', async () => {
    await using workshop = await Workshop.open('answers', 'answers', 'answers');
    const { listener } = workshop;
    const any = listener.anyChannel({ maxUnderWay: 2 });
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, number) => any.request(Uint8Array.of(number, 1, 2))),
    );
    expect(answers.map(({ bytes }) => [...bytes])).toEqual(
      Array.from({ length: 50 }, (_, number) => [2, 1, number]),
    );
    for (const answer of answers) answer.release();
    const sent = listener.channels.map((channel) => channel.stats().messagesSent);
    expect(sent.reduce((sum, count) => sum + count, 0)).toBe(50);
    for (const count of sent) expect(count).toBeGreaterThan(0);
    await expect
      .poll(() => listener.channels.map((channel) => channel.stats().bytesOut))
      .toEqual([0, 0, 0]);
  });

  test('give no more to one than may be under way, and go on when something is answered', async () => {
    await using workshop = await Workshop.open('silent');
    const { listener, workers } = workshop;
    const any = listener.anyChannel({ maxUnderWay: 2 });
    const first = [1, 2].map((number) => any.request(Uint8Array.of(number)).catch(() => 'lost'));
    await vi.waitUntil(() => listener.channels[0]?.stats().messagesSent === 2, 20_000);
    const third = any.request(Uint8Array.of(3), { timeout: 50 });
    await expect(third).rejects.toEqual(withCode('TIMEOUT'));
    expect(listener.channels[0]?.stats().messagesSent).toBe(2);
    await workers[0]?.end('SIGKILL');
    expect(await Promise.all(first)).toEqual(['lost', 'lost']);
  });

  test('give what a dead one had not answered back, unchanged, and to another one if told so', async () => {
    await using workshop = await Workshop.open('silent');
    const { listener, workers } = workshop;
    const any = listener.anyChannel();
    const question = await any.loan(100_000);
    question.bytes.fill(7);
    let lost: Loan | undefined;
    let reason: unknown;
    const asked = any.request(question, {
      onLost: async (loan, error) => {
        [lost, reason] = [loan, error];
        expect(loan.owned).toBe(true);
        expect(loan.bytes.every((byte) => byte === 7)).toBe(true);
        await workshop.start('answers');
        await listener.waitForChannels(1, { timeout: 20_000 });
        return true;
      },
    });
    expect(await workers[0]?.message()).toBe('asked');
    await workers[0]?.end('SIGKILL');
    const answer = await asked;
    expect(lost).toBe(question);
    expect(reason).toEqual(withCode('PEER_DIED'));
    expect(answer.byteLength).toBe(100_000);
    expect(answer.bytes.every((byte) => byte === 7)).toBe(true);
    expect(question.owned).toBe(false);
    answer.release();
    // The worker releases the question after it has answered.
    await expect.poll(() => listener.channels[0]?.stats().bytesOut).toBe(0);
  });

  test('without `onLost` reject, and the loan is the caller’s again', async () => {
    await using workshop = await Workshop.open('silent');
    const { listener, workers } = workshop;
    const any = listener.anyChannel();
    const question = await any.loan(10);
    question.bytes.fill(9);
    const asked = any.request(question).catch((error: unknown) => error);
    expect(await workers[0]?.message()).toBe('asked');
    await workers[0]?.end('SIGKILL');
    expect(await asked).toEqual(withCode('PEER_DIED'));
    expect(question.owned).toBe(true);
    expect([...question.bytes]).toEqual(Array(10).fill(9));
    await expect(any.request(question)).rejects.toEqual(withCode('PEER_DIED'));
    question.release();
    expect(listener.channels).toEqual([]);
  });

  test('take a loan that waits to be asked for no second question', async () => {
    await using workshop = await Workshop.open('silent');
    const { listener, workers } = workshop;
    const any = listener.anyChannel({ maxUnderWay: 1 });
    const first = any.request(Uint8Array.of(1)).catch(() => 'lost');
    expect(await workers[0]?.message()).toBe('asked');
    const question = await any.loan(3);
    question.bytes.set([1, 2, 3]);
    const asked = any.request(question);
    await expect(any.request(question)).rejects.toEqual(withCode('LOAN_NOT_OWNED'));
    expect(question.owned).toBe(true);
    await workshop.start('answers');
    const answer = await asked;
    expect([...answer.bytes]).toEqual([3, 2, 1]);
    answer.release();
    await workers[0]?.end('SIGKILL');
    expect(await first).toBe('lost');
  });

  test('are told to the program as it is: nobody there, wrong arguments, closed', async () => {
    const listener = await sharedMmap.listen({ endpoint: fresh() });
    expect(() => listener.anyChannel({ maxUnderWay: 0 })).toThrow(withCode('INVALID_ARGUMENT'));
    const any = listener.anyChannel();
    expect(await any.send(Uint8Array.of(1))).toBe('no-receiver');
    await expect(any.request(Uint8Array.of(1))).rejects.toEqual(withCode('PEER_DIED'));
    const foreign = await sharedMmap.createSender({ endpoint: fresh(), history: 1 });
    const loan = await foreign.loan(1);
    await expect(any.request(loan)).rejects.toEqual(withCode('INVALID_ARGUMENT'));
    expect(loan.owned).toBe(true);
    await foreign.close();
    await listener.close();
    await expect(any.loan(1)).rejects.toEqual(withCode('CLOSED'));
    expect(() => listener.anyChannel()).toThrow(withCode('CLOSED'));
  });

  test('wait for room in the pool that they share, whoever gives it back', async () => {
    await using workshop = await Workshop.open('answers', 'answers');
    const { listener } = workshop;
    const any = listener.anyChannel({ maxUnderWay: 4 });
    const jobs = Array.from({ length: 40 }, async (_, number) => {
      const loan = await any.loan(300_000);
      loan.bytes.fill(number);
      const answer = await any.request(loan);
      const isRight = answer.bytes.every((byte) => byte === number);
      answer.release();
      return isRight;
    });
    expect(await Promise.all(jobs)).toEqual(Array(40).fill(true));
  });
});
