import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { SENDER_WORDS } from '../dist/layout.js';
import { connect, DIED, LIMIT, MISBEHAVED } from './support/hostile-pair.js';

const folder = temporaryFolder();

describe('a receiver whose sender', () => {
  expectNothingLeft();

  test('is honest gets its messages', async () => {
    await using pair = await connect(folder.fresh());
    for (const length of [1, 0, 5000, 4096]) {
      pair.sender.sendHonestly(length);
      using delivery = await pair.receiver.receive(LIMIT);
      expect(delivery?.bytes.length).toBe(length);
    }
  });

  test.each([9, -1, 0x7fffffff, -0x80000000])(
    'claims to have announced %i messages learns so, again and again',
    async (announced) => {
      await using pair = await connect(folder.fresh());
      pair.sender.claimAnnounced(announced);
      await expect(pair.receiver.receive(LIMIT)).rejects.toThrow(MISBEHAVED);
      await expect(pair.receiver.receive(LIMIT)).rejects.toThrow(MISBEHAVED);
      await expect(pair.receiver.spliceTo(1, LIMIT)).rejects.toThrow(MISBEHAVED);
      expect(() => pair.receiver.tryReceive()).toThrow(MISBEHAVED);
    },
  );

  test.each([2 ** 40, 2 ** 32, 2 ** 63, 2 ** 32 - 1])(
    'announces a message of %i bytes learns so',
    async (byteLength) => {
      await using pair = await connect(folder.fresh());
      pair.sender.announce(byteLength);
      await expect(pair.receiver.receive(LIMIT)).rejects.toThrow(MISBEHAVED);
    },
  );

  test.each([0, 2, -1])(
    'gives sequence number %i to its second message learns so',
    async (wrong) => {
      await using pair = await connect(folder.fresh());
      pair.sender.announce(0, 0);
      pair.sender.announce(0, wrong);
      (await pair.receiver.receive(LIMIT))?.release();
      await expect(pair.receiver.receive(LIMIT)).rejects.toThrow(MISBEHAVED);
    },
  );

  test('claims fewer bytes than it has put in waits, and can be aborted', async () => {
    await using pair = await connect(folder.fresh());
    pair.sender.announce(100);
    pair.sender.put(100);
    Atomics.store(pair.sender.words, SENDER_WORDS.bytesProduced, -100_000);
    const timeout = 20;
    await expect(pair.receiver.receive({ timeout })).rejects.toThrow(
      expect.objectContaining({ code: 'TIMEOUT' }),
    );
    pair.sender.hangUp();
    await expect(pair.receiver.receive(LIMIT)).rejects.toThrow(DIED);
  });

  test('closes the pipe in the middle of a message learns of its end', async () => {
    await using pair = await connect(folder.fresh());
    pair.sender.announce(8192);
    pair.sender.put(4096);
    pair.sender.claim(8192);
    pair.sender.closePipe();
    await expect(pair.receiver.receive(LIMIT)).rejects.toThrow(DIED);
  });

  test('rings without end is cut off, and every call says so (11.14)', async () => {
    await using pair = await connect(folder.fresh());
    const waiting = pair.receiver.receive(LIMIT);
    let over = false;
    const ringing = (async () => {
      for (; !over; await new Promise(setImmediate)) pair.sender.ring();
    })();
    await expect(waiting).rejects.toThrow(MISBEHAVED);
    over = true;
    await ringing;
    await expect(pair.receiver.receive(LIMIT)).rejects.toThrow(MISBEHAVED);
  });

  test('lies leaves another receiver of this process alone', async () => {
    await using bad = await connect(folder.fresh());
    await using good = await connect(folder.fresh());
    const waiting = good.receiver.receive(LIMIT);
    bad.sender.announce(2 ** 40);
    await expect(bad.receiver.receive(LIMIT)).rejects.toThrow(MISBEHAVED);
    await bad.receiver.close();
    good.sender.sendHonestly(3);
    expect((await waiting)?.bytes.length).toBe(3);
  });
});
