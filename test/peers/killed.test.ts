import { describe, expect, test } from 'vitest';
import { CASES, peersOfThisFile } from './peers.js';

// Every sender with every receiver, and each policy: what is left where one of them is killed.

const POOL = 1024 * 1024;

/** More than the pool has room for, so that a killed receiver holds some of it. */
const LENGTHS = [8, 64, 20_000];

const ROUNDS = 1000;

describe('a peer that is killed', () => {
  const peers = peersOfThisFile();

  test.for(CASES)('leaves the sender what it held: $title', async (each, { skip }) => {
    const { sender, receiver, policy, isSkipped } = each;
    skip(isSkipped);
    const { endpoint, peer } = await peers.send(sender, POOL);
    const first = peers.receive(receiver, endpoint, policy, 8, 0);
    await peer.ask('await', 1);
    const sent = peer.ask('send', 'at-once', LENGTHS, ROUNDS);
    expect(await first.hear()).toEqual({ count: 100 });
    await first.kill();
    const second = peers.receive(receiver, endpoint, policy, 0, 0);
    const count = LENGTHS.length * ROUNDS;
    expect(await sent).toEqual({ sent: count });
    await peer.ask('await', 1);
    await peer.ask('flush');
    // There is room for that only if nobody holds anything.
    expect(await peer.ask('send', 'at-once', POOL, 1)).toEqual({ sent: count + 1 });
    await peer.ask('close');
    const seen = await second.seen();
    const last = { tag: count, length: POOL };
    expect(seen).toMatchObject({ end: 'END', wrong: 0, disordered: 0, ...last });
    if (policy === 'wait') expect(seen.dropped).toBe(0);
  });

  test.for(CASES)('leaves the receiver what was sent: $title', async (each, { skip }) => {
    const { sender, receiver, policy, isSkipped } = each;
    skip(isSkipped);
    const { endpoint, peer } = await peers.send(sender, POOL);
    const other = peers.receive(receiver, endpoint, policy, 3, 0);
    await peer.ask('await', 1);
    peer.tell('send', 'at-once', LENGTHS, 1_000_000);
    expect(await other.hear()).toEqual({ count: 100 });
    await peer.kill();
    const seen = await other.seen();
    expect(seen).toMatchObject({ end: 'PEER_DIED', wrong: 0, disordered: 0 });
    if (policy === 'wait') expect(seen.dropped).toBe(0);
  });

  test.for(CASES.filter(({ isOnce }) => isOnce))(
    'is gone for the sender that sends nothing: $title',
    async ({ sender, receiver, policy, isSkipped }, { skip }) => {
      skip(isSkipped);
      const { endpoint, peer } = await peers.send(sender, POOL);
      const other = peers.receive(receiver, endpoint, policy, 8, 3);
      await peer.ask('await', 1);
      await peer.ask('send', 'at-once', [100_000, 100_000, 100_000], 1);
      for (const tag of [0, 1, 2]) {
        expect(await other.hear()).toEqual({ tag, length: 100_000, isWhole: true });
      }
      await other.kill();
      expect(await peer.ask('alone')).toEqual({ sent: 3 });
    },
  );
});
