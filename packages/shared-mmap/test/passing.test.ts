import type { Delivery } from '@pageferry/core';
import {
  EAGAIN,
  EIO,
  EMFILE,
  ENFILE,
  ENOBUFS,
  ENOMEM,
  ETOOMANYREFS,
  type LinuxCalls,
} from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import type { SharedMmapReceiver, SharedMmapSender } from '@pageferry/shared-mmap';
import { Child, expectNothingLeft } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { HostileReceiver } from './support/hostile-receiver.js';
import {
  callsWith,
  drain,
  isFilled,
  KIB,
  LIMIT,
  openStage,
  trySend,
  until,
} from './support/stage.js';

const real = loadLinuxCalls();
const POOL = { poolBytes: 64 * KIB };
const ROOMY = { poolBytes: 256 * KIB };
const LARGE = 100 * KIB;
const NOT_OWNED = expect.objectContaining({ code: 'LOAN_NOT_OWNED' });
const DROPPING = ['drop-newest', 'drop-oldest'] as const;

/** Calls of a sender that cannot pass memory, or only so often. */
interface Unpassing {
  readonly calls: LinuxCalls;
  /** What it answers instead; 0 for the truth. */
  failure: number;
  /** How many times more it tells the truth before. */
  passes: number;
  attempts: number;
}

function unpassing(): Unpassing {
  const state: Unpassing = {
    failure: 0,
    passes: 0,
    attempts: 0,
    calls: callsWith({
      sendmsg: (...words) => {
        if (state.failure !== 0) state.attempts++;
        if (state.failure === 0 || state.passes-- > 0) return real.sendmsg(...words);
        return -state.failure;
      },
    }),
  };
  return state;
}

/** Lends so much of a pool of 512 KiB that two large messages still have room, but not at a stretch. */
async function leaveNoStretch(sender: SharedMmapSender): Promise<void> {
  const lent = await Promise.all([90, 90, 90, 90, 90].map((size) => sender.loan(size * KIB)));
  for (const index of [1, 3]) lent[index]?.release();
}

/** Sends three messages, of which the second has memory of its own: what is lent leaves no room at a stretch. */
async function sendHistory(sender: SharedMmapSender): Promise<void> {
  const lent = await Promise.all([70, 70, 70].map((size) => sender.loan(size * KIB)));
  lent[1]?.release();
  for (const [index, length] of [10, LARGE, 10].entries()) {
    expect(trySend(sender, length, index + 1)).toBe('sent');
  }
}

/** What a receiver has: sequence and value of each message, which are released. */
function take(receiver: Parameters<typeof drain>[0]): [number, number][] {
  return drain(receiver).map((delivery) => {
    const value = delivery.bytes[0] as number;
    expect(isFilled(delivery.bytes, value)).toBe(true);
    delivery.release();
    return [delivery.sequence, value];
  });
}

describe.each([false, true])(
  'with guard: %s, memory of a message that cannot be passed now',
  (guard) => {
    expectNothingLeft();

    test.each([
      ['ETOOMANYREFS', ETOOMANYREFS],
      ['EMFILE', EMFILE],
      ['ENFILE', ENFILE],
      ['ENOMEM', ENOMEM],
      ['ENOBUFS', ENOBUFS],
    ])('(%s) has the sender wait, and goes when it can (11.2)', async (_, errno) => {
      const state = unpassing();
      await using stage = await openStage({ ...POOL, guard, binding: state.calls }, [{}, {}]);
      const { sender, receivers } = stage;
      state.failure = errno;
      expect(trySend(sender, LARGE, 1)).toBe('full');
      await expect(sender.send(new Uint8Array(LARGE), { timeout: 20 })).rejects.toMatchObject({
        code: 'TIMEOUT',
      });
      // Others are not held up, and nobody was cut off, nor sees what was not accepted.
      expect(trySend(sender, 10, 2)).toBe('sent');
      expect(receivers.map(take)).toEqual([[[0, 2]], [[0, 2]]]);
      const sending = sender.send(new Uint8Array(LARGE).fill(3), LIMIT);
      await until(() => state.attempts > 5);
      state.failure = 0;
      expect(await sending).toBe('sent');
      expect(receivers.map(take)).toEqual([[[1, 3]], [[1, 3]]]);
      expect(sender.stats()).toMatchObject({ connectionsFailed: 0 });
      await sender.flush(LIMIT);
      expect(sender.stats().bytesOut).toBe(0);
    });

    test.each([
      ['full', ETOOMANYREFS],
      ['an error', EIO],
    ])('is nobody else’s before its loan is sent or released (%s) (11.2)', async (_, errno) => {
      const state = unpassing();
      const options = { poolBytes: 512 * KIB, guard, binding: state.calls };
      await using stage = await openStage(options);
      const { sender, receiver } = stage;
      await leaveNoStretch(sender);
      const first = await sender.loan(LARGE);
      const kept = first.bytes.fill(1);
      state.failure = errno;
      if (errno === EIO) expect(() => first.trySend()).toThrow('EIO');
      else expect(first.trySend()).toBe('full');
      state.failure = 0;
      expect(first).toMatchObject({ owned: true, byteLength: LARGE });
      expect(first.bytes.length).toBe(0);
      first.truncate(LARGE - 1);
      const second = await sender.loan(LARGE);
      second.bytes.fill(2);
      if (guard) expect(() => kept.length).toThrow(NOT_OWNED);
      else expect(isFilled(kept.fill(3), 3)).toBe(true);
      expect(await second.send(LIMIT)).toBe('sent');
      expect(await first.send(LIMIT)).toBe('sent');
      expect(drain(receiver).map(({ byteLength, bytes }) => [byteLength, bytes[0]])).toEqual([
        [LARGE, 2],
        [LARGE - 1, 1],
      ]);
    });

    test('to one of two is seen by neither, and nobody gets it twice (11.2)', async () => {
      const state = unpassing();
      await using stage = await openStage({ ...POOL, guard, binding: state.calls }, [{}, {}]);
      const { sender, receivers } = stage;
      const loan = await sender.loan(LARGE);
      loan.bytes.fill(1);
      state.failure = ETOOMANYREFS;
      state.passes = 1;
      expect(loan.trySend()).toBe('full');
      expect(loan.owned).toBe(true);
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      expect(receivers.map(take)).toEqual([[], []]);
      state.failure = 0;
      expect(await loan.send(LIMIT)).toBe('sent');
      expect(receivers.map(take)).toEqual([[[0, 1]], [[0, 1]]]);
    });

    test.each([true, false])(
      'to one of two confuses nobody when others go first, or instead (turns between: %s) (11.2)',
      async (turns) => {
        const state = unpassing();
        await using stage = await openStage({ ...ROOMY, guard, binding: state.calls }, [{}, {}]);
        const { sender, receivers } = stage;
        // What is lent in between leaves no room at a stretch.
        const lent = await Promise.all([70, 70, 70].map((size) => sender.loan(size * KIB)));
        lent[1]?.release();
        let sequence = 0;
        const pause = async (): Promise<void> => {
          for (let turn = 0; turns && turn < 5; turn++) await new Promise(setImmediate);
        };
        for (let round = 0; round < 40; round++) {
          const [first, second] = [await sender.loan(LARGE), await sender.loan(10)];
          first.bytes.fill(round);
          state.failure = ETOOMANYREFS;
          state.passes = 1;
          // Never at once: an attempt that has failed is not repeated at once.
          await until(() => first.trySend() === 'full' && state.passes < 1);
          await pause();
          const expected: [number, number][] = [];
          state.failure = 0;
          if (round % 2 === 0) {
            second.bytes.fill(round + 100);
            expect(second.trySend()).toBe('sent');
            expected.push([sequence++, round + 100]);
            await pause();
          }
          second.release();
          if (round % 3 === 0) {
            expect(await first.send(LIMIT)).toBe('sent');
            expected.push([sequence++, round]);
          } else {
            first.release();
            const third = await sender.loan(LARGE + 1);
            third.bytes.fill(round + 50);
            expect(await third.send(LIMIT)).toBe('sent');
            expected.push([sequence++, round + 50]);
          }
          expect(receivers.map(take)).toEqual([expected, expected]);
        }
        for (const loan of lent) loan.release();
        await sender.flush(LIMIT);
        expect(sender.receivers).toHaveLength(2);
        expect(sender.stats()).toMatchObject({ bytesOut: 0, connectionsFailed: 0 });
      },
    );

    test('is tried again and again, and leaves nothing, though it is never sent (11.2)', async () => {
      const state = unpassing();
      await using stage = await openStage({ ...ROOMY, guard, binding: state.calls }, [{}, {}]);
      const { sender, receivers } = stage;
      // What is lent leaves no room at a stretch.
      const lent = await Promise.all([70, 70, 70].map((size) => sender.loan(size * KIB)));
      lent[1]?.release();
      for (let round = 0; round < 100; round++) {
        const loan = await sender.loan(LARGE);
        state.failure = ETOOMANYREFS;
        state.passes = 1;
        await until(() => loan.trySend() === 'full');
        loan.release();
        state.failure = 0;
        expect(trySend(sender, 10, round)).toBe('sent');
        // One of them takes nothing for a while.
        if (round % 10 === 9) take(receivers[0] as (typeof receivers)[0]);
        take(receivers[1] as (typeof receivers)[0]);
        if (round % 3 === 0) await new Promise(setImmediate);
      }
      expect(await sender.send(new Uint8Array(LARGE).fill(7), LIMIT)).toBe('sent');
      for (const receiver of receivers) expect(take(receiver).at(-1)).toEqual([100, 7]);
      expect(sender.receivers).toHaveLength(2);
    });

    test('goes, however often it was passed in vain to a receiver that always holds a message (11.2)', async () => {
      const state = unpassing();
      await using stage = await openStage({ poolBytes: 512 * KIB, guard, binding: state.calls }, [
        {},
        {},
      ]);
      const { sender, receivers } = stage;
      const [keeper, other] = receivers as [SharedMmapReceiver, SharedMmapReceiver];
      await leaveNoStretch(sender);
      let kept: Delivery | undefined;
      for (let round = 0; round < 40; round++) {
        const loan = await sender.loan(LARGE);
        state.failure = ETOOMANYREFS;
        state.passes = 1;
        await until(() => loan.trySend() === 'full' && state.passes < 1);
        state.failure = 0;
        // Another message goes first.
        expect(trySend(sender, 10, round)).toBe('sent');
        if (round % 2 === 0) loan.release();
        else expect(await loan.send(LIMIT)).toBe('sent');
        for (const next of drain(keeper)) {
          kept?.release();
          kept = next;
        }
        take(other);
      }
      expect(await sender.send(new Uint8Array(LARGE).fill(7), LIMIT)).toBe('sent');
      expect(take(keeper)).toEqual(take(other));
      kept?.release();
    });

    test('is not held against a receiver that is stopped, however often it was passed in vain (11.2)', async () => {
      const state = unpassing();
      await using stage = await openStage({ ...POOL, guard, binding: state.calls }, []);
      const { sender } = stage;
      // It hears of what is passed when the test says so.
      using stopped = await HostileReceiver.connect(real, sender.endpoint);
      await sender.waitForReceivers(1, LIMIT);
      const other = await stage.join();
      expect(trySend(sender, LARGE, 1)).toBe('sent');
      stopped.lookAgain();
      stopped.giveBack(stopped.take());
      expect(take(other)).toEqual([[0, 1]]);
      state.failure = EIO;
      for (let round = 0; round < 60; round++) {
        const loan = await sender.loan(LARGE);
        state.passes = 1;
        try {
          expect(loan.trySend()).toBe('full');
        } catch (error) {
          expect(error).toMatchObject({ errnoName: 'EIO' });
        }
        loan.release();
      }
      state.failure = ETOOMANYREFS;
      state.passes = 0;
      expect(trySend(sender, LARGE, 2)).toBe('full');
      state.failure = 0;
      const sending = sender.send(new Uint8Array(LARGE).fill(3), LIMIT);
      await until(() => stopped.lookAgain() === 0 && stopped.deliveries === 1);
      stopped.giveBack(stopped.take());
      expect(await sending).toBe('sent');
      expect(take(other)).toEqual([[1, 3]]);
      await sender.flush(LIMIT);
      expect(sender.receivers).toHaveLength(2);
    });

    test.each(DROPPING)('is dropped for those who may miss it (%s) (11.2)', async (whenBehind) => {
      const state = unpassing();
      await using stage = await openStage({ ...POOL, guard, binding: state.calls }, [
        { whenBehind },
        {},
      ]);
      const { sender, receivers } = stage;
      // Those who must not miss it come first.
      state.failure = ETOOMANYREFS;
      state.passes = 1;
      expect(trySend(sender, LARGE, 1)).toBe('sent');
      expect(sender.receivers).toMatchObject([{ messagesDropped: 1 }, { messagesDropped: 0 }]);
      state.failure = 0;
      expect(receivers.map(take)).toEqual([[], [[0, 1]]]);
      await sender.flush(LIMIT);
      expect(trySend(sender, LARGE + 1, 2)).toBe('sent');
      expect(receivers.map(take)).toEqual([[[1, 2]], [[1, 2]]]);
    });

    test('at all is told to who sends it (11.2)', async () => {
      const state = unpassing();
      await using stage = await openStage({ ...POOL, guard, binding: state.calls }, [{}, {}]);
      const { sender, receivers } = stage;
      state.failure = EIO;
      state.passes = 1;
      const failed = { code: 'SYSTEM_CALL_FAILED', syscall: 'sendmsg', errnoName: 'EIO' };
      await expect(sender.send(new Uint8Array(LARGE), LIMIT)).rejects.toMatchObject(failed);
      expect(sender.stats()).toMatchObject({ loansHeld: 0, bytesOut: 0, connectionsFailed: 0 });
      state.failure = 0;
      expect(await sender.send(new Uint8Array(LARGE).fill(2), LIMIT)).toBe('sent');
      expect(receivers.map(take)).toEqual([[[0, 2]], [[0, 2]]]);
    });

    test('to a receiver that comes later reaches it before anything new (11.2)', async () => {
      const state = unpassing();
      const options = { ...ROOMY, guard, history: 3, binding: state.calls };
      await using stage = await openStage(options, []);
      const { sender } = stage;
      await sendHistory(sender);
      // The welcome passes descriptors, too.
      state.failure = ETOOMANYREFS;
      state.passes = 1;
      const receiver = await stage.join();
      expect(take(receiver)).toEqual([[0, 1]]);
      expect(trySend(sender, 10, 4)).toBe('full');
      await until(() => state.attempts > 4);
      expect(take(receiver)).toEqual([]);
      state.failure = 0;
      const seen: [number, number][] = [];
      await until(() => seen.push(...take(receiver)) > 0 && seen.length === 2);
      expect(seen).toEqual([
        [1, 2],
        [2, 3],
      ]);
      expect(trySend(sender, 10, 4)).toBe('sent');
      expect(take(receiver)).toEqual([[3, 4]]);
    });

    test('to one that came later and is stopped keeps it from no other (11.2)', async () => {
      let first: number | undefined;
      let calls = 0;
      const sendmsg: LinuxCalls['sendmsg'] = (fd, ...words) => {
        first ??= fd;
        // It takes its welcome, and then nothing.
        return fd === first && ++calls > 1 ? -EAGAIN : real.sendmsg(fd, ...words);
      };
      const options = { ...ROOMY, guard, history: 3, binding: callsWith({ sendmsg }) };
      await using stage = await openStage(options, []);
      const { sender } = stage;
      await sendHistory(sender);
      const stopped = await stage.join();
      for (let joined = 0; joined < 3; joined++) {
        const receiver = await stage.join();
        const seen: [number, number][] = [];
        await until(() => seen.push(...take(receiver)) === 3);
        expect(seen.map(([sequence]) => sequence)).toEqual([0, 1, 2]);
      }
      expect(take(stopped)).toEqual([[0, 1]]);
      // Who is stopped holds up what is new, as everywhere else.
      expect(trySend(sender, 10, 4)).toBe('full');
      expect(sender.receivers).toHaveLength(4);
    });

    test('keeps the process alive only if the sender does', async () => {
      const state = unpassing();
      await using stage = await openStage({ ...POOL, guard, binding: state.calls });
      const { sender, receiver } = stage;
      const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout');
      sender.unref();
      state.failure = ETOOMANYREFS;
      const sending = sender.send(new Uint8Array(LARGE));
      await until(() => state.attempts > 8);
      const others = timers().length;
      // The pause begins when the wait parks, which takes a turn or two.
      await until(() => {
        sender.ref();
        const isPaused = timers().length === others + 1;
        if (!isPaused) sender.unref();
        return isPaused;
      });
      sender.unref();
      expect(timers().length).toBe(others);
      state.failure = 0;
      expect(await sending).toBe('sent');
      expect(take(receiver)).toEqual([[0, 0]]);
    });
  },
);

const canBeOther = process.getuid?.() === 0;

test.runIf(canBeOther)(
  `eight receivers of a user that may have few descriptors under way see every byte (11.1, 11.2)${
    canBeOther ? '' : ': needs root'
  }`,
  async () => {
    await using program = new Child(new URL('./programs/few-descriptors.mjs', import.meta.url));
    expect(await program.exit).toBe(0);
  },
  120_000,
);

describe('a receiver that has no descriptor left', () => {
  test.each(
    ['memory', 'descriptors'].flatMap((what) =>
      ['wait', ...DROPPING].map((policy) => [what, policy] as const),
    ),
  )(
    'loses the message whose %s the kernel has thrown away, and nothing else (%s) (11.15)',
    async (what, policy) => {
      const peer = new URL('./programs/no-descriptors.mjs', import.meta.url);
      await using program = new Child(peer, [policy, what]);
      expect(await program.exit).toBe(0);
    },
  );
});
