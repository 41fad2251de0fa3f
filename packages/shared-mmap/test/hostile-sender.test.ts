import { openSync } from 'node:fs';
import { SENDER } from '@pageferry/connection';
import { createMemoryFile, F_SEAL_WRITE, OwnedFd, SIZE_SEALS } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { FALSE_BELLS } from '@pageferry/testkit/false-bells';
import { describe, expect, test } from 'vitest';
import { DESCRIPTORS_FLAG, OWN_MEMORY_FLAG } from '../dist/layout.js';
import {
  type Announcement,
  connectTo,
  type HostilePair,
  PAYLOAD_BYTES,
} from './support/hostile-sender.js';
import { seededRandom } from './support/random.js';
import { drain, LIMIT } from './support/stage.js';

const calls = loadLinuxCalls();
const folder = temporaryFolder();
const HALF = 0x7fffffff;
const withCode = (code: string): unknown => expect.objectContaining({ code });
const MISBEHAVED = withCode('PEER_MISBEHAVED');

/** The receiver says so, however it is asked, again and again. */
async function expectAccusation({ receiver }: HostilePair): Promise<void> {
  for (let time = 0; time < 2; time++) {
    await expect(receiver.receive(LIMIT)).rejects.toThrow(MISBEHAVED);
    await expect(receiver.receiveMany(5, LIMIT)).rejects.toThrow(MISBEHAVED);
    await expect(receiver.spliceTo(1, LIMIT)).rejects.toThrow(MISBEHAVED);
    expect(() => receiver.tryReceive()).toThrow(MISBEHAVED);
    expect(() => receiver.receiveSync(LIMIT)).toThrow(MISBEHAVED);
  }
}

describe('a receiver whose sender', () => {
  expectNothingLeft();

  test('is honest gets its messages', async () => {
    await using pair = await connectTo(calls, folder.fresh());
    pair.sender.announce({ byteLength: 100, offset: 64 });
    pair.sender.announce({ byteLength: PAYLOAD_BYTES });
    pair.sender.announce({ byteLength: 0, offset: PAYLOAD_BYTES });
    pair.sender.pass(3);
    pair.sender.announceOwn({ byteLength: 4096 });
    expect(drain(pair.receiver).map(({ byteLength }) => byteLength)).toEqual([
      100,
      PAYLOAD_BYTES,
      0,
      4096,
    ]);
  });

  test.each<[string, Announcement]>([
    ['is longer than the memory', { byteLength: PAYLOAD_BYTES + 1 }],
    ['is as long as a word can say', { byteLength: -1 }],
    ['reaches beyond the end', { byteLength: 65, offset: PAYLOAD_BYTES - 64 }],
    ['lies beyond the end', { byteLength: 0, offset: PAYLOAD_BYTES + 64 }],
    ['lies as far away as can be', { place: -1 }],
    ['names a negative slot', { slotId: -1 }],
    ['names the most negative slot', { slotId: -HALF - 1 }],
    ['has memory of its own that was not passed', { slotId: OWN_MEMORY_FLAG }],
    ['has descriptors that were not passed', { slotId: DESCRIPTORS_FLAG }],
    ['has descriptors, and lies beyond the end', { slotId: DESCRIPTORS_FLAG, place: -1 }],
    ['has both, and nothing was passed', { slotId: DESCRIPTORS_FLAG | OWN_MEMORY_FLAG }],
  ])('announces a message that %s learns so', async (_, message) => {
    await using pair = await connectTo(calls, folder.fresh());
    pair.sender.announce(message);
    await expectAccusation(pair);
  });

  test.each([9, -1, HALF, -HALF - 1])(
    'claims to have announced %i messages learns so',
    async (count) => {
      await using pair = await connectTo(calls, folder.fresh());
      pair.sender.claimAnnounced(count);
      await expectAccusation(pair);
    },
  );

  test.each([9, HALF, -1, -HALF - 1])(
    'claims to have announced %i messages to one that may miss some: none is there',
    async (count) => {
      const options = { whenBehind: 'drop-oldest' } as const;
      await using pair = await connectTo(calls, folder.fresh(), {}, options);
      pair.sender.claimAnnounced(count);
      expect(pair.receiver.tryReceive()).toBeUndefined();
      await expect(pair.receiver.receive({ timeout: 5 })).rejects.toThrow(withCode('TIMEOUT'));
    },
  );

  test.each([0, 2, -1, HALF])('gives number %i to its second message learns so', async (wrong) => {
    await using pair = await connectTo(calls, folder.fresh());
    pair.sender.announce({ sequence: 0 });
    pair.sender.announce({ sequence: wrong });
    pair.receiver.tryReceive()?.release();
    await expectAccusation(pair);
  });

  test.each([
    [0, 1],
    [5, 1],
    [-1, 0],
    [6, -1],
    [6, -HALF - 1],
    [0, 2 ** 21],
    [-1, HALF],
  ])(
    'goes on at number %i, %i after 2^32 + 5 learns so, though the other may miss some',
    async (sequence, sequenceHigh) => {
      const options = { whenBehind: 'drop-newest' } as const;
      await using pair = await connectTo(calls, folder.fresh(), {}, options);
      pair.sender.announce({ sequence: 5, sequenceHigh: 1 });
      pair.sender.announce({ sequence, sequenceHigh });
      expect(pair.receiver.tryReceive()?.sequence).toBe(2 ** 32 + 5);
      expect(pair.receiver.stats().messagesDropped).toBe(2 ** 32 + 5);
      await expectAccusation(pair);
    },
  );

  test.each([2 ** 31 - 1, 2 ** 31, 2 ** 32 - 2])(
    'has dropped %i messages while the other stood still: it gets the next ones',
    async (count) => {
      const options = { whenBehind: 'drop-oldest' } as const;
      await using pair = await connectTo(calls, folder.fresh(), {}, options);
      pair.sender.goOnAfter(count);
      pair.sender.announce();
      expect(pair.receiver.tryReceive()?.sequence).toBe(count);
      expect(pair.receiver.stats().messagesDropped).toBe(count);
      expect(pair.receiver.tryReceive()).toBeUndefined();
    },
  );

  test('goes on at the largest number there is', async () => {
    const options = { whenBehind: 'drop-oldest' } as const;
    await using pair = await connectTo(calls, folder.fresh(), {}, options);
    pair.sender.announce({ sequence: -1, sequenceHigh: 2 ** 21 - 1 });
    expect(pair.receiver.tryReceive()?.sequence).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('begins at a number beyond 32 bits counts on from there', async () => {
    await using pair = await connectTo(calls, folder.fresh(), { first: [0xffffffff, 3] });
    pair.sender.announce({ sequence: -1 });
    pair.sender.announce({ sequence: 0 });
    expect(drain(pair.receiver).map(({ sequence }) => sequence)).toEqual([
      4 * 2 ** 32 - 1,
      4 * 2 ** 32,
    ]);
  });

  test('begins at the largest number that one can begin with, and at none above', async () => {
    await using pair = await connectTo(calls, folder.fresh(), { first: [0, 2 ** 20] });
    pair.sender.announce({ sequence: 0 });
    expect(drain(pair.receiver).map(({ sequence }) => sequence)).toEqual([2 ** 52]);
    for (const options of [{}, { whenBehind: 'drop-oldest' } as const]) {
      const connecting = connectTo(calls, folder.fresh(), { first: [1, 2 ** 20] }, options);
      await expect(connecting).rejects.toThrow(MISBEHAVED);
    }
  });

  test('dies has what was announced, and then PEER_DIED', async () => {
    await using pair = await connectTo(calls, folder.fresh());
    pair.sender.announce();
    pair.sender.hangUp();
    expect((await pair.receiver.receive(LIMIT))?.sequence).toBe(0);
    await expect(pair.receiver.receive(LIMIT)).rejects.toThrow(withCode('PEER_DIED'));
  });

  test('says that it has finished in a way of its own is not believed', async () => {
    await using pair = await connectTo(calls, folder.fresh());
    Atomics.store(pair.sender.words, SENDER.finished, 2);
    await expect(pair.receiver.receive({ timeout: 5 })).rejects.toThrow(withCode('TIMEOUT'));
  });

  test('speaks out of turn is taken for dead, and what it passed is closed', async () => {
    await using pair = await connectTo(calls, folder.fresh());
    const fd = calls.eventfd(0, 0);
    pair.sender.say(Buffer.from('hello?'), [{ fd }, { fd }]);
    calls.close(fd);
    await expect(pair.receiver.receive(LIMIT)).rejects.toThrow(withCode('PEER_DIED'));
  });
});

describe('a receiver whose sender passes for a message', () => {
  expectNothingLeft();

  test.each([
    ['memory that is not sealed', 4096, 0],
    ['memory that can still be written to', 4096, SIZE_SEALS],
    ['memory that can be cut off', 4096, F_SEAL_WRITE],
    ['memory that is too short', 4095, SIZE_SEALS | F_SEAL_WRITE],
    ['no memory to speak of', 0, SIZE_SEALS | F_SEAL_WRITE],
  ])('%s learns so', async (_, byteLength, seals) => {
    await using pair = await connectTo(calls, folder.fresh());
    pair.sender.pass(0, byteLength, seals);
    pair.sender.announceOwn({ byteLength: 4096 });
    await expectAccusation(pair);
  });

  test.each([
    ['a device', () => openSync('/dev/zero', 'r+')],
    ['a file', () => openSync(folder.fresh('file'), 'w+')],
    ['an eventfd', () => calls.eventfd(0, 0)],
    ['a socket', () => calls.socket(1, 1, 0)],
  ])('%s learns so', async (_, open) => {
    await using pair = await connectTo(calls, folder.fresh());
    using fd = new OwnedFd(calls, open());
    pair.sender.passDescriptor(0, fd);
    pair.sender.announceOwn();
    await expectAccusation(pair);
  });

  test('what belongs to another message learns so', async () => {
    await using pair = await connectTo(calls, folder.fresh());
    for (const tag of [1, 2, 3]) pair.sender.pass(tag);
    pair.sender.announceOwn();
    await expectAccusation(pair);
  });

  test('memory without end is taken for dead', async () => {
    await using pair = await connectTo(calls, folder.fresh());
    for (let tag = 0; tag < 100; tag++) pair.sender.pass(tag);
    await expect(pair.receiver.receive(LIMIT)).rejects.toThrow(withCode('PEER_DIED'));
  });

  test('memory twice means the last one (11.2)', async () => {
    await using pair = await connectTo(calls, folder.fresh());
    pair.sender.pass(0, 4096);
    pair.sender.pass(0, 8192);
    pair.sender.announceOwn({ byteLength: 8192 });
    using delivery = await pair.receiver.receive(LIMIT);
    expect(delivery?.byteLength).toBe(8192);
  });

  test.each(['wait', 'drop-oldest'] as const)(
    'descriptors is believed, and nothing is left of those that nobody takes (%s)',
    async (whenBehind) => {
      await using pair = await connectTo(calls, folder.fresh(), {}, { whenBehind });
      for (const [tag, count] of [2, 253, 1].entries()) {
        pair.sender.passDescriptors(tag, count);
        pair.sender.announceWithDescriptors();
        const delivery = await pair.receiver.receive(LIMIT);
        expect(delivery?.descriptors).toBe(count);
        if (count < 3) delivery?.release();
      }
    },
  );

  test.each([
    ['memory and no descriptors', DESCRIPTORS_FLAG | OWN_MEMORY_FLAG, 0],
    ['descriptors in place of memory', OWN_MEMORY_FLAG, 2],
  ])('%s learns so', async (_, slotId, count) => {
    await using pair = await connectTo(calls, folder.fresh());
    if (count === 0) pair.sender.pass(0);
    else pair.sender.passDescriptors(0, count);
    pair.sender.announce({ slotId });
    await expectAccusation(pair);
  });

  test('descriptors with a message that says none leaves none of them', async () => {
    await using pair = await connectTo(calls, folder.fresh());
    pair.sender.passDescriptors(0, 5);
    pair.sender.announce();
    using delivery = await pair.receiver.receive(LIMIT);
    expect([delivery?.descriptors, delivery?.takeDescriptors()]).toEqual([0, []]);
  });

  test('descriptors without end is taken for dead', async () => {
    await using pair = await connectTo(calls, folder.fresh());
    for (let tag = 0; tag < 10; tag++) pair.sender.passDescriptors(tag, 253);
    await expect(pair.receiver.receive(LIMIT)).rejects.toThrow(withCode('PEER_DIED'));
  });

  test('memory of messages that never come closes it in the end', async () => {
    await using pair = await connectTo(calls, folder.fresh());
    for (const tag of [1, 2, 3]) pair.sender.pass(tag);
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  });
});

describe('a receiver refuses a sender that passes', () => {
  expectNothingLeft();
  const refuse = (lies: Parameters<typeof connectTo>[2]): Promise<void> =>
    expect(connectTo(calls, folder.fresh(), lies)).rejects.toThrow(MISBEHAVED);

  test('a first number that no program can count on from', () => refuse({ first: [0, 2 ** 21] }));

  test.each([0, 1, 2, 3])('only %i descriptors', (only) => refuse({ only }));

  test('more descriptors than there should be, all of which it closes', async () => {
    const fd = calls.eventfd(0, 0);
    await refuse({ extra: [fd, fd] });
    calls.close(fd);
  });

  test.each([
    ['memory that is not sealed', 65536, 0],
    ['memory that can be cut off', 65536, F_SEAL_WRITE],
    ['no memory to speak of', 0, SIZE_SEALS],
    ['more memory than there can be', 2 ** 33, SIZE_SEALS],
  ])('%s for the payload', async (_, byteLength, seals) => {
    const payload = createMemoryFile(calls, 'pageferry-payload').release();
    calls.ftruncate(payload, byteLength);
    calls.addSeals(payload, seals);
    await refuse({ instead: { payload } });
    calls.close(payload);
  });

  test.each([
    ['a device', () => openSync('/dev/zero', 'r+')],
    ['an eventfd', () => calls.eventfd(0, 0)],
    ['a socket', () => calls.socket(1, 1, 0)],
  ])('%s for the payload or for the control memory', async (_, open) => {
    for (const part of ['payload', 'memory'] as const) {
      const fd = open();
      await refuse({ instead: { [part]: fd } });
      calls.close(fd);
    }
  });
});

describe('a receiver refuses as its doorbell', () => {
  expectNothingLeft();

  test.each(Object.entries(FALSE_BELLS))('%s (11.14)', async (_, open) => {
    for (const part of ['senderBell', 'receiverBell'] as const) {
      const fd = open(calls);
      await expect(connectTo(calls, folder.fresh(), { instead: { [part]: fd } })).rejects.toThrow(
        MISBEHAVED,
      );
      calls.close(fd);
    }
  });
});

describe('a sender that rings for ever, and has nothing to say', () => {
  expectNothingLeft();

  test('is cut off by a receiver that waits on the event loop (11.14)', async () => {
    await using pair = await connectTo(calls, folder.fresh());
    pair.sender.announce();
    const waiting = pair.receiver.receive(LIMIT);
    (await waiting)?.release();
    const next = pair.receiver.receive(LIMIT);
    let over = false;
    const ringing = (async () => {
      for (; !over; await new Promise(setImmediate)) pair.sender.ring();
    })();
    await expect(next).rejects.toThrow(MISBEHAVED);
    over = true;
    await ringing;
    await expectAccusation(pair);
  });

  test('is cut off by a receiver that waits with receiveSync (11.14)', async () => {
    // Rung anew whenever it was read, as by a thread of the sender's that does nothing else.
    const one = new Uint8Array(new BigUint64Array([1n]).buffer);
    const binding = {
      ...calls,
      preadv2: (...words: Parameters<typeof calls.preadv2>) => {
        const result = calls.preadv2(...words);
        calls.write(words[0], one, 0, 8);
        return result;
      },
    };
    await using pair = await connectTo(calls, folder.fresh(), {}, { binding });
    pair.sender.ring();
    expect(() => pair.receiver.receiveSync(LIMIT)).toThrow(MISBEHAVED);
    await expectAccusation(pair);
  });
});

describe('a sender that writes into the control memory whatever it likes', () => {
  expectNothingLeft();

  test.each([1, 2, 3, 4, 5, 6])(
    'has its receiver see errors, and nothing worse (seed %i)',
    async (seed) => {
      const random = seededRandom(seed);
      const whenBehind = (['wait', 'drop-newest', 'drop-oldest'] as const)[seed % 3] ?? 'wait';
      await using pair = await connectTo(calls, folder.fresh(), {}, { whenBehind });
      let accused = false;
      for (let step = 0; step < 2000 && !accused; step++) {
        if (random(3) === 0) pair.sender.announce({ offset: 64 * random(10) });
        const value = random(3) === 0 ? random(HALF) - (HALF >> 1) : random(20) - 2;
        const { words } = pair.sender;
        if (random(10) === 0)
          Atomics.store(words, [32, 64, 128][random(4)] ?? 1024 + random(64), value);
        try {
          for (const delivery of drain(pair.receiver)) delivery.release();
        } catch (error) {
          expect(error).toMatchObject({ code: 'PEER_MISBEHAVED' });
          accused = true;
        }
      }
    },
  );
});
