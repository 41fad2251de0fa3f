import { describe, expect, test } from 'vitest';
import { CASES, peersOfThisFile } from './peers.js';

// Every sender with every receiver, and each policy: messages of all lengths, and many of few bytes.

const POOL = 1024 * 1024;

/** Where cache lines, slots and pages begin and end. */
const LENGTHS = [0, 1, 63, 64, 65, 127, 128, 4032, 4095, 4096, 4097, 8191, 8193, 65_537, POOL];

const LARGER_THAN_THE_POOL = [POOL + 1, 3 * POOL];

const FEW_BYTES = [0, 8, 63, 64, 65, 200];

const { PAGEFERRY_PEER_MESSAGES: asked = '12000' } = process.env;

/** How many messages of few bytes; `pnpm test:peers` asks for a million. */
const MANY = Number(asked);

describe('messages between peers', () => {
  const peers = peersOfThisFile();

  test.for(CASES)('of every length, and many of few bytes: $title', async (each, { skip }) => {
    const { sender, receiver, policy, isSkipped } = each;
    skip(isSkipped);
    const { endpoint, peer } = await peers.send(sender, POOL);
    // Where messages may be dropped, each is returned before the next.
    const when = policy === 'wait' ? 'at-once' : 'flushing';
    const lengths = [...LENGTHS, ...LENGTHS.toReversed(), ...LARGER_THAN_THE_POOL];
    const other = peers.receive(receiver, endpoint, policy, 0, lengths.length);
    await peer.ask('await', 1);
    expect(await peer.ask('send', when, lengths, 1)).toEqual({ sent: lengths.length });
    for (const [tag, length] of lengths.entries()) {
      expect(await other.hear()).toEqual({ tag, length, isWhole: true });
    }
    const rounds = Math.ceil(MANY / FEW_BYTES.length);
    const sent = lengths.length + rounds * FEW_BYTES.length;
    expect(await peer.ask('send', 'at-once', FEW_BYTES, rounds)).toEqual({ sent });
    await peer.ask('close');
    const { end, count, wrong, disordered, dropped, tag } = await other.seen();
    expect({ end, wrong, disordered }).toEqual({ end: 'END', wrong: 0, disordered: 0 });
    expect(count + dropped).toBe(sent);
    if (policy === 'wait') expect(dropped).toBe(0);
    if (policy !== 'drop-newest') expect(tag).toBe(sent - 1);
  });

  test.for(CASES.filter(({ isOnce }) => isOnce))(
    'are seen to be wrong where they are: $title',
    async ({ sender, receiver, policy, isSkipped }, { skip }) => {
      skip(isSkipped);
      const { endpoint, peer } = await peers.send(sender, POOL);
      const other = peers.receive(receiver, endpoint, policy, 0, 0);
      await peer.ask('await', 1);
      await peer.ask('send', 'at-once', 10, 1);
      await peer.ask('lie', 10);
      await peer.ask('close');
      expect(await other.seen()).toMatchObject({ count: 2, wrong: 1, disordered: 0, dropped: 0 });
    },
  );
});
