import { closeSync, openSync } from 'node:fs';
import type { PendingRequest } from '@pageferry/core';
import { expect, test } from 'vitest';
import {
  type ChannelStage,
  describeBothRoles,
  describeChannels,
  type Role,
} from '../harness/channel-stage.js';
import { expectReceived } from '../harness/expectations.js';
import { receiveOne } from '../harness/here.js';
import { observe, turns } from '../harness/settling.js';
import { answerProblem, respondTo } from '../peers/answers.js';
import { ChannelUser } from '../peers/channel-user.js';
import type { Subject } from '../registration.js';

const KIB = 1024;
const LIMIT = { maxBorrowedBytes: 64 * KIB };
const QUARTER = 16 * KIB;

/** What is in the way of an answer, or behind one: everything comes in the end, and nobody waits for it in vain. */
export function describeEarlyMessages(subject: Subject): void {
  describeBothRoles('messages before an answer', subject, describeRoom);
  describeChannels('a listener that waits behind', subject, describeListenerWaits);
}

/** Asks a question of 10 bytes, and looks for its answer as often as it takes to take early all that there is room for. */
async function askOne(side: ChannelUser): Promise<{
  readonly pending: PendingRequest;
  readonly look: () => Promise<void>;
}> {
  const pending = side.channel.tryRequest(await side.filledLoan(10)) as PendingRequest;
  expect(pending).toBeDefined();
  const look = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn++) {
      expect(pending.tryAnswer()).toBeUndefined();
      await turns(1);
    }
  };
  return { pending, look };
}

function describeRoom(stage: ChannelStage, role: Role): void {
  test.each(['before', 'after'] as const)(
    'leave room for one that was peeked at %s others were taken early',
    async (when) => {
      const { here, there } = await stage.bothHere(role, { here: LIMIT });
      const { pending, look } = await askOne(here);
      const question = await receiveOne(there.channel);
      await there.sendMany(3, QUARTER);
      if (when === 'after') await look();
      await stage.until(() => here.channel.peek() !== undefined);
      const sending = there.sendMany(5, QUARTER);
      await look();
      expect(here.channel.stats()).toMatchObject({ deliveriesHeld: 0, bytesHeld: 0 });
      const received = here.receive(8);
      await respondTo(question, there.channel);
      question.release();
      expectReceived(await received, { messages: 8, first: 0 });
      await sending;
      using answer = await pending.answer();
      expect(answerProblem(answer, 0, 10)).toBeUndefined();
      expect(here.channel.stats()).toMatchObject({ deliveriesHeld: 1 });
    },
  );

  test('leave room for one without bytes before one that is larger than all room', async () => {
    const { here, there } = await stage.bothHere(role, { here: LIMIT });
    const { look } = await askOne(here);
    (await receiveOne(there.channel)).retain();
    const sending = there.send(0, 100 * KIB);
    await look();
    expectReceived(await here.receive(2), { messages: 2, bytes: 100 * KIB });
    await sending;
  });
}

function describeListenerWaits(stage: ChannelStage): void {
  /** A listener with one channel. */
  async function gathered() {
    const listener = await stage.listener(LIMIT);
    const there = new ChannelUser(await stage.channel(listener.endpoint));
    const here = new ChannelUser(await listener.accept());
    return { listener, here, there };
  }

  test.each(['polled', 'awaited'] as const)(
    'an answer that has no room gets what is behind it with the release, be the answer %s or not',
    async (how) => {
      const { listener, here, there } = await gathered();
      await there.send(3 * QUARTER);
      const held = await receiveOne(listener);
      const pending = here.channel.tryRequest(await here.filledLoan(10)) as PendingRequest;
      const answer = how === 'awaited' ? pending.answer() : undefined;
      const question = await receiveOne(there.channel);
      const loan = await there.channel.loan(2 * QUARTER);
      await Promise.all([question.respond(loan), there.send(5)]);
      question.release();
      const waiting = observe(listener.receive());
      await turns(50);
      expect(waiting.state()).toBe('pending');
      held.release();
      const behind = await waiting.promise;
      expect(behind?.byteLength).toBe(5);
      behind?.release();
      (await (answer ?? pending.answer())).release();
    },
  );

  test('a call of the channel gets the message that comes after that of the call', async () => {
    const { listener, here, there } = await gathered();
    const [one, other] = [receiveOne(here.channel), receiveOne(listener)];
    await turns(50);
    await there.channel.sendMany([await there.filledLoan(1), await there.filledLoan(2)]);
    for (const [waiting, byteLength] of [
      [one, 1],
      [other, 2],
    ] as const) {
      using message = await waiting;
      expect(message.byteLength).toBe(byteLength);
    }
  });

  test('a message that has no room gets the next one when that is moved on', async () => {
    const { listener, here, there } = await gathered();
    const file = openSync('/dev/null', 'w');
    stage.defer(() => closeSync(file));
    await there.send(2 * QUARTER);
    const held = await receiveOne(listener);
    const sending = there.send(3 * QUARTER, 5);
    const waiting = observe(receiveOne(listener));
    await turns(50);
    expect(waiting.state()).toBe('pending');
    expect(await here.channel.spliceTo(file)).toMatchObject({ byteLength: 3 * QUARTER });
    using message = await waiting.promise;
    expect(message.byteLength).toBe(5);
    held.release();
    await sending;
  });
}
