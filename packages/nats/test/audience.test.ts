import type { ConsumerInfo } from '@nats-io/jetstream';
import { Presence } from '@pageferry/core';
import { afterEach, expect, test } from 'vitest';
import type { Engine } from '../dist/engine/engine.js';
import { Audience } from '../dist/sending/audience.js';
import type { Outgoing } from '../dist/sending/outgoing.js';

const NAME = 'receiver_wait_1';
const audiences: Audience[] = [];
afterEach(() => {
  for (const audience of audiences.splice(0)) audience.stop();
});

/** A sender whose receiver has begun at number 1 and was sent two messages, and what it is told. */
async function withTwoSent() {
  const done: number[] = [];
  let info: object = {};
  const engine = {
    connected: true,
    onChange: () => undefined,
    subscribe: () => undefined,
    api: {
      consumers: {
        list: async function* () {
          yield { name: NAME, push_bound: true, ...info } as unknown as ConsumerInfo;
        },
      },
    },
  } as unknown as Engine;
  const audience = new Audience(engine, 'stream', 1000, new Presence(), {
    underWay: () => [],
    onDone: ({ last }) => done.push(last),
    onChange: () => undefined,
  });
  audiences.push(audience);
  const look = async (acknowledged: number, delivered: number, pending: number): Promise<void> => {
    info = {
      ack_floor: { stream_seq: acknowledged, consumer_seq: acknowledged },
      delivered: { stream_seq: delivered, consumer_seq: delivered },
      num_ack_pending: pending,
    };
    await audience.look();
  };
  await look(0, 0, 0);
  for (const last of [1, 2]) {
    audience.give({ last, byteLength: 10, holders: 0 } as unknown as Outgoing);
  }
  return { audience, done, look };
}

test('a receiver is done with what is acknowledged', async () => {
  const { done, look } = await withTwoSent();
  await look(1, 2, 1);
  expect(done).toEqual([1]);
});

test('a receiver is done with all that was delivered, where nothing is left to acknowledge', async () => {
  const { audience, done, look } = await withTwoSent();
  // As a server says that was killed: its floor has stayed where it was.
  await look(0, 1, 0);
  expect(done).toEqual([1]);
  await look(0, 2, 1);
  expect(done).toEqual([1]);
  await look(0, 2, 0);
  expect(done).toEqual([1, 2]);
  expect(audience.subscribers.isIdle).toBe(true);
});
