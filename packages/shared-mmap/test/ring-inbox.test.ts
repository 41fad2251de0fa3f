import {
  establish,
  openConnection,
  PLAIN_SENDER,
  type SenderConnection,
} from '@pageferry/connection';
import { createSealedMemory } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { afterNextLook, expectNothingLeft, openConnectionPair, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { RING, SENDER_WORDS } from '../dist/layout.js';
import { RingMemory } from '../dist/memory/ring-memory.js';
import { PassedMemory } from '../dist/queue/passed-memory.js';
import { RingConsumer, RingProducer } from '../dist/queue/ring.js';
import { InboundMessage } from '../dist/receiving/inbound-message.js';
import { MessageMemories } from '../dist/receiving/message-memories.js';
import { PayloadView } from '../dist/receiving/payload-view.js';
import { RingInbox } from '../dist/receiving/ring-inbox.js';

const calls = loadLinuxCalls();
const CAPACITY = 8;

/** A ring, and what reads it at the other end of a connection. */
function open(first = 0) {
  const { memory, fd } = RingMemory.create(calls, CAPACITY, false);
  const producer = new RingProducer(memory, first);
  const pair = openConnectionPair(calls, {
    establish: (...where) => establish(...where, PLAIN_SENDER),
    openConnection: (...where) =>
      openConnection(...where, { openQueue: (words) => new RingConsumer(memory, words, first) }),
  });
  using payloadFd = createSealedMemory(calls, 'payload', 4096);
  const receiver = { access: 'read-write', guard: false } as const;
  const entries = { words: memory.words, first: RING.entries, count: CAPACITY };
  const payload = PayloadView.open(payloadFd, { calls, ...receiver }, entries);
  const passed = new PassedMemory(pair.receiver);
  const settings = { ...receiver } as ConstructorParameters<typeof MessageMemories>[0]['receiver'];
  const memories = new MessageMemories({ calls, receiver: settings, payload, passed });
  const inbox = new RingInbox({
    connection: pair.receiver,
    payload,
    memories,
    firstSequence: first,
    parkingPays: false,
  });
  return {
    ...pair,
    producer,
    memory,
    inbox,
    [Symbol.dispose]() {
      memories.close();
      pair[Symbol.dispose]();
      memory.close();
      fd.close();
    },
  };
}

const limit = ({ words }: SenderConnection, isLimited: number, number: number): void => {
  words[SENDER_WORDS.ringLimit] = number;
  words[SENDER_WORDS.ringIsLimited] = isLimited;
};

describe('a ring in which nothing was found at first', () => {
  expectNothingLeft();

  test('is read up to what was published before the orderly end', () => {
    using opened = open();
    const { sender, receiver, inbox, producer } = opened;
    afterNextLook(receiver.deliveries, 'known', () => {
      producer.push(5, 1, 7, 9);
      sender.finish();
    });
    expect(inbox.next()).toMatchObject({ byteLength: 5, name: 7, sequence: 0, tag: 9 });
    expect(inbox.next()).toBe('end');
  });

  test('is read up to what was published before the sender died', () => {
    using opened = open();
    const { sender, receiver, inbox, producer } = opened;
    afterNextLook(receiver.deliveries, 'known', () => {
      producer.push(5, 1, 7, 0);
      sender.close();
      receiver.checkPeer();
    });
    expect(inbox.next()).toMatchObject({ byteLength: 5 });
    expect(() => inbox.next()).toThrow(withCode('PEER_DIED'));
  });

  test('has nothing while the sender is there', () => {
    using opened = open();
    expect(opened.inbox.next()).toBeUndefined();
  });
});

describe('a ring', () => {
  expectNothingLeft();

  test.each([0, 2 ** 31 - 3, 2 ** 32 - 3, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER - 64])(
    'goes on in order from number %i, and around',
    (first) => {
      using opened = open(first);
      const { inbox, producer } = opened;
      for (let count = 0; count < 5 * CAPACITY; count++) {
        producer.push(count, 0, count, count);
        const message = inbox.next();
        expect(message).toMatchObject({ byteLength: count, sequence: first + count, tag: count });
        if (typeof message === 'object') inbox.giveBack(message);
      }
    },
  );

  test('has tags and lengths of 32 bits', () => {
    using opened = open();
    const { inbox, producer } = opened;
    producer.push(1, 0, 1, -1);
    expect(inbox.next()).toMatchObject({ tag: 0xffffffff });
    producer.push(-1, 0, 1, 0);
    expect(() => inbox.next()).toThrow(withCode('PEER_MISBEHAVED'));
  });

  test('is read only as far as the sender says while it limits that', () => {
    using opened = open();
    const { sender, inbox, producer } = opened;
    limit(sender, 1, 1);
    for (const tag of [10, 11, 12]) producer.push(5, 1, 7, tag);
    expect(inbox.next()).toMatchObject({ tag: 10 });
    expect(inbox.next()).toBeUndefined();
    limit(sender, 1, 2);
    expect(inbox.next()).toMatchObject({ tag: 11 });
    expect(inbox.next()).toBeUndefined();
    limit(sender, 0, 2);
    expect(inbox.next()).toMatchObject({ tag: 12 });
  });

  test('has a receiver that was cut off learn so where its next entry was written over', () => {
    using opened = open();
    const { sender, inbox, producer } = opened;
    for (const tag of [10, 11]) producer.push(5, 1, 7, tag);
    expect(inbox.next()).toMatchObject({ tag: 10 });
    sender.cutOff(false);
    // It is known to wait; nobody waits for this side to take it any more.
    for (let count = 0; count < CAPACITY; count++) producer.push(5, 1, 7, 12);
    expect(() => inbox.next()).toThrow(withCode('PEER_REJECTED'));
  });

  test('has a receiver that was cut off take nothing that was published afterwards', () => {
    using opened = open();
    const { sender, inbox, producer } = opened;
    producer.push(5, 1, 7, 10);
    expect(inbox.next()).toMatchObject({ tag: 10 });
    sender.cutOff(false);
    // For the others: what it lies in is not kept for the one that was cut off.
    producer.push(5, 1, 7, 11);
    expect(() => inbox.next()).toThrow(withCode('PEER_REJECTED'));
  });

  test('takes a message back that was held for more messages than 31 bits can count', () => {
    const first = 2 ** 31 + 10;
    using opened = open(first);
    const { sender, inbox, producer } = opened;
    producer.push(5, 1, 7, 0);
    const message = inbox.next() as InboundMessage;
    inbox.giveBack(message);
    inbox.giveBack(new InboundMessage(5, 5, 7, 0, message.place));
    const entry = new Int32Array(2);
    expect(sender.returns.available()).toBe(1);
    sender.returns.shift(entry);
    expect([...entry]).toEqual([7, 5]);
  });

  test('accuses a sender that writes over what was not taken, and has cut nobody off', () => {
    using opened = open();
    const { inbox, producer } = opened;
    for (const tag of [10, 11]) producer.push(5, 1, 7, tag);
    expect(inbox.next()).toMatchObject({ tag: 10 });
    for (let count = 0; count < CAPACITY; count++) producer.push(5, 1, 7, 12);
    expect(() => inbox.next()).toThrow(withCode('PEER_MISBEHAVED'));
  });
});
