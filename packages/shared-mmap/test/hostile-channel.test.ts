import { encodeSideRecord } from '@pageferry/connection/internals';
import type { Channel, Listener } from '@pageferry/core';
import { OwnedFd } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { sharedMmap } from '@pageferry/shared-mmap';
import { expectNothingLeft, temporaryFolder, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { HostilePeer, payloadMemory } from './support/hostile-peer.js';

const calls = loadLinuxCalls();
const { fresh } = temporaryFolder();
const LIMIT = { timeout: 20_000 };
/** The word of an entry that asks a question: docs/shared-memory-layout.md. */
const question = (number: number): number => (number << 2) | 1;

/** A listener with an honest channel, and one whose peer may lie. */
class Stage implements AsyncDisposable {
  private constructor(
    readonly listener: Listener,
    readonly honest: Channel,
    readonly toHonest: Channel,
    readonly liar: HostilePeer,
    readonly toLiar: Channel,
  ) {}

  static async open(): Promise<Stage> {
    const listener = await sharedMmap.listen({ endpoint: fresh(), poolBytes: 4 * 1024 * 1024 });
    const honest = await sharedMmap.connect({ endpoint: listener.endpoint });
    const toHonest = await listener.accept(LIMIT);
    const liar = await HostilePeer.connect(calls, listener.endpoint);
    const toLiar = await listener.accept(LIMIT);
    return new Stage(listener, honest, toHonest, liar, toLiar);
  }

  /** The honest side is served, whatever the other one is up to. */
  async expectService(): Promise<void> {
    const asked = this.honest.request(Uint8Array.of(1, 2, 3), LIMIT);
    const question = await this.toHonest.receive(LIMIT);
    expect([...(question?.bytes ?? [])]).toEqual([1, 2, 3]);
    await question?.respond(Uint8Array.of(4), LIMIT);
    question?.release();
    const answer = await asked;
    expect([...answer.bytes]).toEqual([4]);
    answer.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.liar[Symbol.dispose]();
    await this.toLiar.destroy();
    await this.toHonest.destroy();
    await this.honest.destroy();
    await this.listener.destroy();
  }
}

const LENGTH = 100;
const lies: Record<string, (liar: HostilePeer) => void> = {
  'a message beyond its memory': (liar) => liar.publish([LENGTH, 0x7fffffff, 0, 0, 0, 0, 0, 0]),
  'a message that is longer than its memory': (liar) => liar.publish([-1, 0, 0, 0, 0, 0, 0, 0]),
  'a message without a slot': (liar) => liar.publish([LENGTH, 0, -1, 0, 0, 0, 0, 0]),
  'a message out of order': (liar) => liar.publish([LENGTH, 0, 0, 7, 0, 0, 0, 0]),
  'more messages than there can be': (liar) => liar.publish([LENGTH, 0, 0, 0, 0, 0, 0, 0], 5000),
  'a queue that runs backwards': (liar) => liar.publish([LENGTH, 0, 0, 0, 0, 0, 0, 0], -1),
  'memory of its own that never comes': (liar) => liar.publish([LENGTH, 0, 1 << 30, 0, 0, 0, 0, 0]),
  'a return of what it does not have': (liar) => liar.giveBack(3, 0),
  'more returns than there can be': (liar) => liar.giveBack(0, 0, 100_000),
  'a cursor beyond what was sent': (liar) => {
    Atomics.store(liar.inward.words, 65, 5);
    liar.ring();
  },
  'a record that is none': (liar) => void liar.socket.send(new Uint8Array(3)),
  'a record of an unknown kind': (liar) => void liar.socket.send(encodeSideRecord(77, 0)),
};

describe('a peer of a channel that lies', () => {
  expectNothingLeft();

  test.for(Object.entries(lies))('%s: loses its channel alone', async ([, lie]) => {
    await using stage = await Stage.open();
    lie(stage.liar);
    await expect(stage.toLiar.receive(LIMIT)).rejects.toSatisfy(
      (error: { code?: string }) => error.code === 'PEER_MISBEHAVED' || error.code === 'PEER_DIED',
    );
    await stage.expectService();
  });

  test('that answers what nobody has asked, or twice, is heard in vain', async () => {
    await using stage = await Stage.open();
    const answer = (12_345 << 2) | 2;
    for (let sequence = 0; sequence < 3; sequence++) {
      stage.liar.publish([LENGTH, 0, 0, sequence, 0, 0, 0, answer]);
    }
    stage.liar.publish([LENGTH, 0, 0, 3, 0, 0, 9, 0]);
    const message = await stage.toLiar.receive(LIMIT);
    expect(message?.tag).toBe(9);
    message?.release();
    expect(stage.toLiar.stats()).toMatchObject({ deliveriesHeld: 0, bytesHeld: 0 });
    await stage.expectService();
  });

  test('whose questions are never answered learns of each that it was released', async () => {
    await using stage = await Stage.open();
    for (let sequence = 0; sequence < 10; sequence++) {
      stage.liar.publish([LENGTH, 0, 0, sequence, 0, 0, 0, question(sequence + 1)]);
    }
    for (let sequence = 0; sequence < 10; sequence++) {
      (await stage.toLiar.receive(LIMIT))?.release();
    }
    await expect.poll(() => stage.toLiar.stats().messagesSent).toBe(10);
    await stage.expectService();
  });

  test.each([2 ** 29 - 1, 2 ** 29, 2 ** 30 - 1])(
    'may number a question %i, which is answered',
    async (number) => {
      await using stage = await Stage.open();
      stage.liar.publish([LENGTH, 0, 0, 0, 0, 0, 0, question(number)]);
      const asked = await stage.toLiar.receive(LIMIT);
      expect(await asked?.respond(Uint8Array.of(1), LIMIT)).toBe('sent');
      asked?.release();
      expect(stage.liar.inward.words[1024 + 7]).toBe((number << 2) | 2);
      await stage.expectService();
    },
  );

  test('that asks on and on, and takes no answer, is given up', { timeout: 60_000 }, async () => {
    await using stage = await Stage.open();
    for (let sequence = 0; !stage.toLiar.closed; sequence++) {
      expect(sequence).toBeLessThan(50_000);
      stage.liar.publish([0, 0, 0, sequence, 0, 0, 0, question(sequence + 1)]);
      (await stage.toLiar.receive(LIMIT))?.release();
    }
    await stage.expectService();
  });

  test('in its hello is told so, and nobody else notices', async () => {
    await using stage = await Stage.open();
    const { endpoint } = stage.listener;
    const say = (passed: OwnedFd[]): Promise<unknown> =>
      HostilePeer.connectWith(calls, endpoint, passed);
    expect(await say([])).toEqual(withCode('PEER_REJECTED'));
    expect(await say([payloadMemory(calls, 0)])).toEqual(withCode('PEER_REJECTED'));
    const bell = new OwnedFd(calls, calls.eventfd(0, 0));
    expect(await say([bell])).toEqual(withCode('PEER_REJECTED'));
    const [one, other] = [payloadMemory(calls), payloadMemory(calls)];
    expect(await say([one, other])).toBe('welcome');
    await stage.expectService();
  });
});
