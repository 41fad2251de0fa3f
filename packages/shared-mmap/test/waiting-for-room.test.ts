import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft } from '@pageferry/testkit';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { sharedMmap } from '../dist/index.js';
import { SubscriberList } from '../dist/sending/subscriber-list.js';
import { HostileReceiver } from './support/hostile-receiver.js';
import { KIB, LIMIT, openStage, trySend, until } from './support/stage.js';

const calls = loadLinuxCalls();

/** A sender whose pool has room for one message, and receivers that do what they are told. */
async function open(count: number) {
  const options = { poolBytes: 8 * KIB, spinMicroseconds: 0 };
  // The modules that are spied on.
  const stage = await openStage(options, [], sharedMmap);
  const receivers: HostileReceiver[] = [];
  for (let index = 0; index < count; index++) {
    receivers.push(await HostileReceiver.connect(calls, stage.sender.endpoint));
  }
  await stage.sender.waitForReceivers(count, LIMIT);
  return {
    sender: stage.sender,
    receivers: receivers as [HostileReceiver, HostileReceiver, ...HostileReceiver[]],
    async [Symbol.asyncDispose]() {
      for (const receiver of receivers) receiver[Symbol.dispose]();
      await stage[Symbol.asyncDispose]();
    },
  };
}

describe('a sender that sleeps until there is room', () => {
  expectNothingLeft();
  afterEach(() => vi.restoreAllMocks());

  test('is woken by the receiver that has come least far, and by no other', async () => {
    await using opened = await open(3);
    const { sender, receivers } = opened;
    expect(trySend(sender, 8 * KIB, 1)).toBe('sent');
    const [quick, slow] = receivers;
    for (const receiver of receivers) if (receiver !== slow) receiver.goPast(0);
    const waiting = sender.loan(8 * KIB, LIMIT);
    await until(() => slow.senderWaits);
    expect(quick.senderWaits).toBe(false);
    slow.goPast(0);
    (await waiting).release();
    // Nobody rings for what nobody waits for.
    expect(receivers.some((receiver) => receiver.senderWaits)).toBe(false);
  });

  test('is woken by one that keeps a message which it has come past', async () => {
    await using opened = await open(2);
    const { sender, receivers } = opened;
    expect(trySend(sender, 8 * KIB, 1)).toBe('sent');
    const [keeper, other] = receivers;
    const taken = keeper.take();
    keeper.keep(taken.sequence);
    for (const receiver of [keeper, other]) receiver.goPast(taken.sequence);
    const waiting = sender.loan(8 * KIB, LIMIT);
    await until(() => keeper.senderWaits);
    keeper.giveBack(taken);
    (await waiting).release();
  });

  test.each(['loan', 'flush'] as const)(
    'is woken by whoever holds up by then, if the slowest returns all just before (%s)',
    async (what) => {
      await using opened = await open(2);
      const { sender, receivers } = opened;
      const [slow, other] = receivers;
      for (let message = 0; message < 2; message++) {
        expect(trySend(sender, 4 * KIB, 1)).toBe('sent');
      }
      other.goPast(0);
      sender.stats();
      // What another process may do between the last look and the word that says that this one sleeps.
      const park = vi.spyOn(SubscriberList.prototype, 'park');
      park.mockImplementationOnce(function (this: SubscriberList) {
        slow.goPast(1);
        return this.park();
      });
      const waiting = what === 'loan' ? sender.loan(8 * KIB, LIMIT) : sender.flush(LIMIT);
      await until(() => other.senderWaits);
      expect(park).toHaveBeenCalled();
      other.goPast(1);
      const loan = await waiting;
      loan?.release();
    },
  );

  test('finds what was kept, and returned just before', async () => {
    for (let looks = 0; looks < 20; looks++) {
      await using opened = await open(2);
      const { sender, receivers } = opened;
      const [slow, keeper] = receivers;
      expect(trySend(sender, 4 * KIB, 1)).toBe('sent');
      expect(trySend(sender, 4 * KIB, 1)).toBe('sent');
      const taken = keeper.take();
      keeper.keep(taken.sequence);
      slow.goPast(0);
      keeper.goPast(1);
      sender.stats();
      const park = vi.spyOn(SubscriberList.prototype, 'park');
      park.mockImplementationOnce(function (this: SubscriberList) {
        keeper.giveBack(taken);
        return this.park();
      });
      for (let look = 0; look < looks; look++) expect(sender.tryLoan(4 * KIB)).toBeUndefined();
      (await sender.loan(4 * KIB, LIMIT)).release();
      expect(park).toHaveBeenCalled();
      park.mockRestore();
    }
  });

  test('waits for one after the other where all have to be done', async () => {
    await using opened = await open(3);
    const { sender, receivers } = opened;
    for (let message = 0; message < 4; message++) expect(trySend(sender, 100, 1)).toBe('sent');
    let flushed = false;
    const waiting = sender.flush(LIMIT).then(() => {
      flushed = true;
    });
    for (const step of [0, 1, 2, 3]) {
      for (const receiver of receivers) {
        await until(() => receiver.senderWaits);
        expect(flushed).toBe(false);
        receiver.goPast(step);
      }
    }
    await waiting;
  });
});
