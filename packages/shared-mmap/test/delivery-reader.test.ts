import { establish, openConnection, PLAIN_SENDER } from '@pageferry/connection';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { afterNextLook, expectNothingLeft, openConnectionPair, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { DeliveryConsumer } from '../dist/queue/delivery-queue.js';
import { DeliveryReader } from '../dist/queue/delivery-reader.js';
import { PassedMemory } from '../dist/queue/passed-memory.js';

const calls = loadLinuxCalls();

/** Both ends of a connection, and what reads the deliveries of one. */
function open() {
  const pair = openConnectionPair(calls, {
    establish: (...where) => establish(...where, PLAIN_SENDER),
    openConnection: (...where) =>
      openConnection(...where, {
        openQueue: (words, place) => new DeliveryConsumer(words, place),
      }),
  });
  const memory = new PassedMemory(pair.receiver);
  const settings = { memory, firstSequence: 0, payloadBytes: 4096 };
  return { ...pair, reader: new DeliveryReader({ connection: pair.receiver, ...settings }) };
}

describe('a delivery queue in which nothing was found at first', () => {
  expectNothingLeft();

  test('is read up to what was published before the orderly end', () => {
    using opened = open();
    const { sender, receiver, reader } = opened;
    afterNextLook(receiver.deliveries, 'known', () => {
      sender.deliveries.push(5, 1, 7, 0);
      sender.finish();
    });
    expect(reader.next()).toBe('message');
    expect(reader).toMatchObject({ byteLength: 5, offset: 64, slotId: 7, sequence: 0 });
    expect(reader.next()).toBe('end');
  });

  test('is read up to what was published before the sender died', () => {
    using opened = open();
    const { sender, receiver, reader } = opened;
    afterNextLook(receiver.deliveries, 'known', () => {
      sender.deliveries.push(5, 1, 7, 0);
      sender.close();
      receiver.checkPeer();
    });
    expect(reader.next()).toBe('message');
    expect(() => reader.next()).toThrow(withCode('PEER_DIED'));
  });

  test('has nothing while the sender is there', () => {
    using opened = open();
    expect(opened.reader.next()).toBeUndefined();
  });
});
