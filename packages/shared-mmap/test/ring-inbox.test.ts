import type { SenderConnection } from '@pageferry/connection';
import { afterNextLook, expectNothingLeft, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { KEPT, RECEIVER_WORDS, SENDER_WORDS } from '../dist/layout.js';
import { InboundMessage } from '../dist/receiving/inbound-message.js';
import { CAPACITY, openRingInbox as open } from './support/ring-inbox.js';

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

  test('shows each of two messages that name the same slot until it is given back', () => {
    using opened = open();
    const { sender, inbox, producer } = opened;
    const take = (): InboundMessage => inbox.next() as InboundMessage;
    producer.push(5, 1, 7, 0);
    inbox.giveBack(take());
    producer.push(5, 1, 7, 0);
    producer.push(5, 1, 7, 0);
    const [one, other] = [take(), take()];
    expect([one.sequence, other.sequence]).toEqual([1, 2]);
    inbox.giveBack(one);
    producer.push(5, 1, 7, 0);
    const third = take();
    expect([other.sequence, third.sequence]).toEqual([2, 3]);
    inbox.giveBack(other);
    inbox.giveBack(third);
    expect(sender.words[RECEIVER_WORDS.cursor]).toBe(4);
  });

  test('returns each message by the name it came with, also where another slot was there before', () => {
    using opened = open();
    const { sender, inbox, producer } = opened;
    const take = (): InboundMessage => inbox.next() as InboundMessage;
    // Names that have their lower bits in common, for the same bytes.
    const names = [7, 7, 7 + 4096, 7, 7 + 4096, 7 + 8192];
    for (const name of names) {
      producer.push(5, 1, name, 0);
      producer.push(5, 2, 99, 0);
      const [message, next] = [take(), take()];
      expect(message.name).toBe(name);
      // Out of order, so that it is said by name.
      inbox.giveBack(next);
      inbox.giveBack(message);
    }
    const entry = new Int32Array(2);
    const told: unknown[] = [];
    for (let left = sender.returns.available(); left > 0; left--) {
      sender.returns.shift(entry);
      if (entry[0] !== KEPT) told.push(entry[0]);
    }
    expect(told).toEqual(names);
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
