import {
  BaseChannel,
  ByteQuota,
  EXCHANGE,
  exchangeNumber,
  exchangeWord,
  type Loan,
  nextTurn,
  PageferryError,
  WaitList,
} from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { type FakeMessage, FakeReceiver } from './support/fake-receiver.js';
import { FakeSender } from './support/fake-sender.js';
import { turns } from './support/turns.js';

function openChannel(receiver: FakeReceiver = new FakeReceiver()) {
  const sender = new FakeSender();
  const channel = new BaseChannel({
    sender,
    receiver,
    peer: undefined,
    keepAlive: () => undefined,
  });
  return { sender, receiver, channel };
}

/** A backend that has the same message as the next one until it is whole, as one over a stream has. */
class ReceiverOfPieces extends FakeReceiver {
  /** True while nothing is told of what has come. */
  isHeldBack = false;
  #newest: FakeMessage | undefined;

  protected override next(): FakeMessage | 'end' | undefined {
    if (this.isHeldBack) return undefined;
    if (this.#newest?.isWhole === false) return this.#newest;
    const found = super.next();
    if (typeof found === 'object') this.#newest = found;
    return found;
  }
}

/** Waits of which a test says whether one of them polls. */
class WaitsThatPoll extends WaitList {
  polls = false;
  /** How many calls have begun to wait on their own. */
  count = 0;

  override until(ready: () => boolean, signal?: AbortSignal): Promise<void> {
    this.count++;
    return super.until(ready, signal);
  }
}

describe('a channel that finishes', () => {
  test('receives on', async () => {
    const { receiver, channel } = openChannel();
    await channel.finish();
    expect([channel.finished, channel.closed]).toEqual([true, false]);
    receiver.arrive(5);
    expect((await channel.receive())?.byteLength).toBe(5);
  });

  test('is destroyed when that is given up: what it has sent does not end in order', async () => {
    const { sender, receiver, channel } = openChannel();
    sender.outbox.left = false;
    await expect(channel.finish({ timeout: 1 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect([channel.closed, receiver.closed]).toEqual([true, true]);
    await channel.close();
  });

  test('is open still when the call was none', async () => {
    const { channel } = openChannel();
    const wrong = { timeout: -1 };
    await expect(channel.finish(wrong)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect([channel.finished, channel.closed]).toEqual([false, false]);
    await channel.finish();
    await expect(channel.finish(wrong)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(channel.closed).toBe(false);
  });
});

describe('a channel that closes', () => {
  test('takes in what comes while its own messages leave: the other side may close, too', async () => {
    const { sender, receiver, channel } = openChannel();
    sender.outbox.left = false;
    receiver.arrive(1);
    const closing = channel.close();
    await turns();
    receiver.arrive(2);
    await turns();
    expect(receiver.calls).toEqual(['giveBack 0', 'giveBack 1']);
    sender.change({ left: true });
    await closing;
    expect(receiver.calls.at(-1)).toBe('hangUp');
  });
});

describe('questions', () => {
  const answer = (number: number): number => exchangeWord(EXCHANGE.answer, number);

  test('get their own answers, however many are open and in whatever order they come', async () => {
    const { sender, receiver, channel } = openChannel();
    const asked = Array.from({ length: 100 }, () => channel.request(channel.tryLoan(1) as Loan));
    const numbers = sender.outbox.exchanges.map(exchangeNumber);
    expect(new Set(numbers).size).toBe(100);
    expect(channel.stats().requestsOpen).toBe(100);
    for (let index = 99; index >= 0; index--) {
      receiver.arrive(index, true, answer(numbers[index] as number));
    }
    const answers = await Promise.all(asked);
    expect(answers.map(({ byteLength }) => byteLength)).toEqual(numbers.map((_, index) => index));
    expect(channel.stats().requestsOpen).toBe(0);
  });

  test('look for their answers themselves, unless one of them polls for all', async () => {
    const waits = new WaitsThatPoll();
    const quota = new ByteQuota(1e9);
    const { sender, receiver, channel } = openChannel(new FakeReceiver(1e9, false, quota, waits));
    const ask = async (polls: boolean) => {
      waits.polls = polls;
      const before = waits.count;
      const asked = channel.request(channel.tryLoan(1) as Loan);
      await turns();
      return { asked, looks: waits.count - before };
    };
    // The first is parked, as long as nobody polls.
    const open = [await ask(false), await ask(true), await ask(false), await ask(true)];
    expect(open.map(({ looks }) => looks)).toEqual([1, 0, 1, 0]);
    for (const index of [2, 3, 1, 0]) {
      const number = exchangeNumber(sender.outbox.exchanges[index] as number);
      receiver.arrive(index + 1, true, answer(number));
      const { asked } = open[index] as (typeof open)[0];
      expect((await asked).byteLength).toBe(index + 1);
    }
    expect(channel.stats().requestsOpen).toBe(0);
  });

  test('are not answered by what answers none of them: that is given back', async () => {
    const { sender, receiver, channel } = openChannel();
    const asked = channel.request(channel.tryLoan(1) as Loan);
    const number = exchangeNumber(sender.outbox.exchanges[0] as number);
    // The same place of the table, and a number that no honest side can have.
    receiver.arrive(7, true, answer(number + 16));
    receiver.arrive(8, true, 0xffffffff);
    receiver.arrive(9, true, answer(number));
    expect((await asked).byteLength).toBe(9);
    expect(receiver.calls).toEqual(['giveBack 0', 'giveBack 1']);
  });

  test.each(['at once', 'later'] as const)(
    'get an answer that came before the peer died (%s), and only then its death',
    async (when) => {
      const { sender, receiver, channel } = openChannel();
      const asked = channel.request(channel.tryLoan(1) as Loan);
      const open = channel.request(channel.tryLoan(1) as Loan);
      open.catch(() => undefined);
      if (when === 'later') await nextTurn();
      receiver.arrive(3, true, answer(exchangeNumber(sender.outbox.exchanges[0] as number)));
      const death = new PageferryError('PEER_DIED', 'it is gone');
      receiver.end(death);
      using delivery = await asked;
      expect(delivery.byteLength).toBe(3);
      await expect(open).rejects.toMatchObject({ code: 'PEER_DIED' });
      expect(channel.stats()).toMatchObject({ requestsOpen: 0, deliveriesHeld: 1 });
    },
  );

  test('that are given up just when the last answer has come leave theirs to nobody, too', async () => {
    const { sender, receiver, channel } = openChannel();
    const giveUp = (): number => {
      channel.tryRequest(channel.tryLoan(1) as Loan)?.abandon();
      return exchangeNumber(sender.outbox.exchanges.at(-1) as number);
    };
    receiver.arrive(1, true, answer(giveUp()));
    const second = giveUp();
    await turns();
    receiver.arrive(2, true, answer(second));
    await turns();
    expect(receiver.calls).toEqual(['giveBack 0', 'giveBack 1']);
    expect(channel.stats().requestsOpen).toBe(0);
  });

  test('whose answer waits behind what may not be held get it when that is moved on at once', async () => {
    const quota = new ByteQuota(100);
    const { sender, receiver, channel } = openChannel(new FakeReceiver(1e9, false, quota));
    const asked = channel.request(channel.tryLoan(1) as Loan);
    const number = exchangeNumber(sender.outbox.exchanges[0] as number);
    receiver.arrive(80);
    receiver.arrive(80);
    receiver.arrive(50, true, answer(number));
    for (let message = 0; message < 2; message++) {
      await turns();
      receiver.atOnce = 80;
      expect(await channel.spliceTo(1)).toMatchObject({ byteLength: 80, method: 'splice' });
    }
    using delivery = await asked;
    expect(delivery.byteLength).toBe(50);
    expect(receiver.calls).toEqual(['giveBack 0', 'giveBack 1']);
    expect([quota.count, quota.bytes]).toEqual([1, 50]);
  });

  test('leave a message that comes in pieces to one receive, though the answer to another one woke that', async () => {
    const pieces = new ReceiverOfPieces();
    const { sender, receiver, channel } = openChannel(pieces);
    const [first, second] = [channel.tryLoan(1), channel.tryLoan(1)].map((loan) =>
      channel.request(loan as Loan),
    );
    await turns();
    const receiving = channel.receive();
    await turns();
    const [one = 0, other = 0] = sender.outbox.exchanges.map(exchangeNumber);
    pieces.isHeldBack = true;
    receiver.arrive(1, true, answer(other));
    const inPieces = receiver.arrive(2, false);
    pieces.isHeldBack = false;
    receiver.wake();
    expect((await second)?.byteLength).toBe(1);
    inPieces.isWhole = true;
    receiver.wake();
    expect((await receiving)?.byteLength).toBe(2);
    receiver.arrive(3);
    receiver.arrive(4, true, answer(one));
    expect((await channel.receive())?.byteLength).toBe(3);
    expect((await first)?.byteLength).toBe(4);
    expect(channel.stats()).toMatchObject({ deliveriesHeld: 4, bytesHeld: 10 });
  });

  test('have words that a small integer of V8 can hold', () => {
    const { sender, channel } = openChannel();
    for (const loan of [channel.tryLoan(1), channel.tryLoan(1)])
      channel.request(loan as Loan).catch(() => undefined);
    const last = 2 ** 29 - 1;
    const words = [
      ...sender.outbox.exchanges,
      ...Object.values(EXCHANGE).map((kind) => exchangeWord(kind, last)),
    ];
    for (const word of words) expect(word | 0).toBe(word);
    for (const word of words) expect(word).toBeGreaterThan(0);
    expect(exchangeNumber(words.at(-1) as number)).toBe(last);
  });
});

describe('an answer that is an error', () => {
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const throwing = {
    get message(): string {
      throw new Error('nobody reads this');
    },
  };

  test.each([
    ['has a property that throws', throwing],
    ['is a revoked proxy', revoked.proxy],
  ])('goes out though what was thrown %s', async (_, error) => {
    const { sender, receiver, channel } = openChannel();
    receiver.arrive(1, true, exchangeWord(EXCHANGE.request, 1));
    const question = await channel.receive();
    expect(await question?.reject(error)).toBe('sent');
    expect(sender.outbox.exchanges).toEqual([exchangeWord(EXCHANGE.failure, 1)]);
    // No bytes would say that it was not answered.
    expect(sender.accepted[0]).toBeGreaterThan(0);
  });
});
