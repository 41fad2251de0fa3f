import {
  ControlMemory,
  Doorbell,
  PLAIN_RECEIVER,
  PLAIN_SENDER,
  ReceiverConnection,
  SENDER,
  SenderConnection,
} from '@pageferry/connection';
import { UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { encodeSideRecord } from '../dist/control/side-record.js';

const calls = loadLinuxCalls();

/** Both ends of a connection; each look at a socket may have the other side say something before. */
function open(before: { look: () => void } = { look: () => undefined }) {
  const flooded = {
    ...calls,
    recvmsg: (...words: Parameters<typeof calls.recvmsg>) => {
      before.look();
      return calls.recvmsg(...words);
    },
  };
  const { memory, fd } = ControlMemory.create(calls, 8);
  const [ours, theirs] = UnixSocket.pair(flooded);
  const bells = { senderBell: Doorbell.create(calls), receiverBell: Doorbell.create(calls) };
  const copies = {
    senderBell: new Doorbell(calls, bells.senderBell.fd.duplicate()),
    receiverBell: new Doorbell(calls, bells.receiverBell.fd.duplicate()),
  };
  const sender = new SenderConnection({ socket: ours, memory, ...bells }, PLAIN_SENDER);
  const opened = ControlMemory.open(calls, fd.fd);
  const parts = { socket: theirs, memory: opened, ...copies };
  const receiver = new ReceiverConnection(parts, PLAIN_RECEIVER);
  fd.close();
  return {
    sender,
    receiver,
    words: memory.words,
    ours,
    theirs,
    [Symbol.dispose]() {
      sender.close();
      receiver.close();
    },
  };
}

describe('a peer that says more and more while it is listened to', () => {
  expectNothingLeft();

  test('is listened to for a while: a look at it ends (11.14)', () => {
    const before: { look: () => void } = { look: () => undefined };
    using ends = open(before);
    let said = 0;
    let taken = 0;
    ends.receiver.takeRecords(({ kind, word }) => kind === 7 && word === taken++);
    // All of it is as it should be.
    before.look = () => ends.ours.send(encodeSideRecord(7, said++));
    for (let look = 1; look <= 3; look++) {
      expect(ends.receiver.checkPeer()).toBe(false);
      expect(said).toBeLessThanOrEqual(look * 64);
    }
    expect(taken).toBeGreaterThan(0);
  });

  test('is cut off where it has nothing to say (11.14)', () => {
    const before: { look: () => void } = { look: () => undefined };
    using ends = open(before);
    let said = 0;
    before.look = () => {
      ends.theirs.send(Buffer.from('hello?'));
      said++;
    };
    expect(ends.sender.checkPeer()).toBe(true);
    expect(ends.sender.peerEnded).toBe(false);
    expect(said).toBe(1);
  });
});

describe('a receiver that is told that it was cut off', () => {
  expectNothingLeft();

  test.each([
    [false, 'a system call failed'],
    [true, 'broke the protocol'],
  ])('takes nothing more, and says why (accused: %s) (11.1)', (isAccused, why) => {
    using ends = open();
    for (let message = 0; message < 3; message++) ends.sender.deliveries.push(0, 0, 0, message);
    expect(ends.receiver.deliveries.known()).toBe(3);
    ends.sender.cutOff(isAccused);
    expect(ends.receiver.checkPeer()).toBe(true);
    expect(ends.receiver.deliveries.known()).toBe(0);
    expect(() => ends.receiver.lookAgain()).toThrow(withCode('PEER_REJECTED'));
    expect(() => ends.receiver.lookAgain()).toThrow(why);
    // It is told of what is published no more, and its sender has no way back.
    ends.sender.deliveries.push(0, 0, 0, 3);
    Atomics.store(ends.words, SENDER.cutOff, 0);
    expect(ends.receiver.deliveries.available()).toBe(0);
  });

  test('and ends is noticed, also by a sender whose event loop has no turn (11.1)', async () => {
    using ends = open();
    ends.sender.cutOff(false);
    let ended = 0;
    ends.sender.awaitEnd(calls, () => ended++);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect([ended, ends.sender.receiverHasEnded()]).toEqual([0, false]);
    ends.receiver.close();
    expect(ends.sender.receiverHasEnded()).toBe(true);
    while (ended === 0) await new Promise(setImmediate);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect(ended).toBe(1);
  });

  test.each([3, -1, 0x7fffffff])('hears nothing in other words (%i)', (word) => {
    using ends = open();
    Atomics.store(ends.words, SENDER.cutOff, word);
    expect(ends.receiver.lookAgain()).toBe(0);
    expect(ends.receiver.isCutOff).toBe(false);
  });
});
