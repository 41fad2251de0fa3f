import { createMemoryFile, UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { passMemory } from '../dist/control/passed-memory.js';
import {
  ControlMemory,
  Doorbell,
  ReceiverConnection,
  SENDER,
  SenderConnection,
} from '../dist/index.js';

const calls = loadLinuxCalls();

/** Both ends of a connection; each look at a socket may have the other side say something before. */
function open(mayDrop: boolean, before: { look: () => void }) {
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
  const sender = new SenderConnection({ socket: ours, memory, ...bells }, mayDrop);
  const opened = ControlMemory.open(calls, fd.fd);
  const receiver = new ReceiverConnection(
    { socket: theirs, memory: opened, ...copies },
    true,
    mayDrop,
  );
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

  test.each([true, false])(
    'is listened to for a while: a look at it ends (drops: %s) (11.14)',
    (mayDrop) => {
      const before: { look: () => void } = { look: () => undefined };
      using ends = open(mayDrop, before);
      using memory = createMemoryFile(calls, 'flood');
      let said = 0;
      // All of it is as it should be: each message was dropped, and its memory is closed when heard of.
      before.look = () => {
        ends.sender.deliver(0, 0, 0, said);
        passMemory(ends.ours, said, memory);
        said++;
      };
      for (let look = 1; look <= 3; look++) {
        expect(ends.receiver.checkPeer()).toBe(false);
        expect(said).toBeLessThanOrEqual(look * 64);
      }
    },
  );

  test('is cut off where it has nothing to say (11.14)', () => {
    const before: { look: () => void } = { look: () => undefined };
    using ends = open(false, before);
    let said = 0;
    before.look = () => {
      ends.theirs.send(Buffer.from('hello?'));
      said++;
    };
    expect(ends.sender.checkPeer()).toBe(true);
    expect(ends.sender.peerEnded).toBe(false);
    expect(said).toBe(1);
  });

  test('does not keep who looks for the memory of a message (11.14)', () => {
    const before: { look: () => void } = { look: () => undefined };
    using ends = open(true, before);
    using memory = createMemoryFile(calls, 'flood');
    let said = 0;
    before.look = () => {
      ends.sender.deliver(0, 0, 0, said);
      Atomics.store(ends.words, SENDER.delivered, said);
      passMemory(ends.ours, said, memory);
      said++;
    };
    expect(ends.receiver.takeMemory(-1)).toBeUndefined();
    expect(said).toBeLessThan(100);
  });
});

describe('a receiver that is told that it was cut off', () => {
  expectNothingLeft();

  test.each([
    [false, 'a system call failed'],
    [true, 'broke the protocol'],
  ])('takes nothing more, and says why (accused: %s) (11.1)', (isAccused, why) => {
    using ends = open(false, { look: () => undefined });
    for (let message = 0; message < 3; message++) ends.sender.deliver(0, 0, 0, message);
    expect(ends.receiver.deliveriesKnown()).toBe(3);
    ends.sender.cutOff(isAccused);
    expect(ends.receiver.checkPeer()).toBe(true);
    expect(ends.receiver.deliveriesKnown()).toBe(0);
    expect(() => ends.receiver.lookAgain()).toThrow(withCode('PEER_REJECTED'));
    expect(() => ends.receiver.lookAgain()).toThrow(why);
    // It is told of what is published no more, and its sender has no way back.
    ends.sender.deliver(0, 0, 0, 3);
    Atomics.store(ends.words, SENDER.cutOff, 0);
    expect(ends.receiver.deliveriesAvailable()).toBe(0);
  });

  test('and ends is noticed, also by a sender whose event loop has no turn (11.1)', async () => {
    using ends = open(false, { look: () => undefined });
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
    using ends = open(false, { look: () => undefined });
    Atomics.store(ends.words, SENDER.cutOff, word);
    expect(ends.receiver.lookAgain()).toBe(0);
    expect(ends.receiver.isCutOff).toBe(false);
  });
});
