import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { BroadcastChannel, Worker } from 'node:worker_threads';
import { nodeSharesMemory } from '@pageferry/conformance/linux-calls';
import { openShared, type SharedDelivery, sharedMmap } from '@pageferry/shared-mmap';
import {
  Child,
  collectGarbage,
  expectNothingLeft,
  temporaryFolder,
  turns,
} from '@pageferry/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { callsWith, drain, KIB, LIMIT, openStage, trySend, until } from './support/stage.js';
import { ThreadReader } from './support/thread-reader.js';

const folder = temporaryFolder();
const unsupported = (words: string) =>
  expect.objectContaining({ code: 'NOT_SUPPORTED', message: expect.stringContaining(words) });
const shares = nodeSharesMemory();
const SHARED = { sharedToThreads: true };
/** Each look takes a collection. */
const PATIENCE = { timeout: 15_000, interval: 1 };

/** Collects garbage until it is so. */
async function collectUntil(condition: () => boolean): Promise<void> {
  const look = (): boolean => {
    collectGarbage();
    return condition();
  };
  await expect.poll(look, PATIENCE).toBe(true);
}

describe('a receiver that is to share with threads', () => {
  expectNothingLeft();

  const opening = async (options: object) => {
    const endpoint = folder.fresh();
    await using sender = await sharedMmap.createSender({ endpoint });
    const receiving = sharedMmap.createReceiver({ ...LIMIT, ...SHARED, ...options, endpoint });
    await receiving.catch(() => undefined);
    // It asks before it connects.
    expect(sender.receivers).toEqual([]);
    await receiving;
  };

  test.skipIf(shares)('is refused by a Node that cannot', async () => {
    await expect(opening({})).rejects.toThrow(unsupported('22.23.3, 24.16, 26.1'));
    const endpoint = folder.fresh();
    await expect(sharedMmap.listen({ ...SHARED, endpoint })).rejects.toThrow(
      unsupported('22.23.3'),
    );
    await expect(sharedMmap.connect({ ...LIMIT, ...SHARED, endpoint })).rejects.toThrow(
      unsupported('22.23.3'),
    );
  });

  test('is refused over FFI', async () => {
    await expect(opening({ binding: 'ffi' })).rejects.toThrow(unsupported('needs the addon'));
  });

  test('has a flag for it', async () => {
    await expect(opening({ sharedToThreads: 1 })).rejects.toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', argument: 'sharedToThreads' }),
    );
  });

  test('is one that was told so', async () => {
    await using stage = await openStage();
    trySend(stage.sender, 100, 7);
    using delivery = await stage.receiver.receive(LIMIT);
    expect(() => delivery?.forThreads()).toThrow(unsupported('sharedToThreads: true'));
  });
});

describe.skipIf(!shares)('deliveries that other threads have', () => {
  expectNothingLeft();
  // A bell is open as long as anybody could ring it.
  afterEach(async () => {
    for (let round = 0; round < 3; round++) {
      collectGarbage();
      await turns(1);
    }
  });

  const held = ({ receiver }: Awaited<ReturnType<typeof openStage>>) =>
    receiver.stats().deliveriesHeld;

  /** Has a message of sevens received, and sends it to threads; nothing here refers to it afterwards. */
  async function pass(
    stage: Awaited<ReturnType<typeof openStage>>,
    readers: readonly ThreadReader[],
    byteLength = 5000,
  ): Promise<void> {
    expect(trySend(stage.sender, byteLength, 7)).toBe('sent');
    using delivery = await stage.receiver.receive(LIMIT);
    for (const reader of readers) if (delivery) await reader.open(delivery.forThreads());
  }

  test.each([
    ['out of the pool', 5000, 1024 * KIB],
    ['with memory of its own', 100 * KIB, 8 * KIB],
    ['of one byte', 1, 8 * KIB],
  ])(
    'a message %s is read by all of them, and goes back with the last',
    async (_, length, poolBytes) => {
      await using stage = await openStage({ poolBytes }, [SHARED]);
      await using first = new ThreadReader();
      await using second = new ThreadReader();
      for (let round = 0; round < 3; round++) {
        await pass(stage, [first, second], length);
        expect(await second.call('look')).toEqual([[round, 7, 7]]);
        expect(await first.call('release')).toEqual([]);
        expect([held(stage), await second.call('look')]).toEqual([1, [[round, 7, 7]]]);
        expect(stage.sender.stats().bytesOut).toBeGreaterThan(0);
        await second.call('release');
        await stage.sender.flush(LIMIT);
        expect([held(stage), stage.sender.stats().bytesOut]).toEqual([0, 0]);
      }
    },
  );

  test('an empty message can be passed on like any other', async () => {
    await using stage = await openStage({}, [SHARED]);
    await using reader = new ThreadReader();
    await pass(stage, [reader], 0);
    expect(await reader.call('look')).toEqual([[0, undefined, undefined]]);
    expect(held(stage)).toBe(1);
    await reader.call('release');
    await stage.sender.flush(LIMIT);
  });

  test('they are the very same bytes', async () => {
    await using stage = await openStage({ receiverAccess: 'read-write' }, [
      { ...SHARED, access: 'read-write' },
    ]);
    await using reader = new ThreadReader();
    trySend(stage.sender, 100, 7);
    using delivery = await stage.receiver.receive(LIMIT);
    await reader.open(delivery?.forThreads() as SharedDelivery);
    delivery?.bytes.fill(8);
    expect(await reader.call('look')).toEqual([[0, 8, 8]]);
  });

  test('what this thread holds is held whatever the others say', async () => {
    await using stage = await openStage({}, [SHARED]);
    await using reader = new ThreadReader();
    trySend(stage.sender, 100, 7);
    const delivery = await stage.receiver.receive(LIMIT);
    await reader.open(delivery?.forThreads() as SharedDelivery);
    await reader.call('release');
    await reader.call('release');
    expect([delivery?.released, delivery?.bytes[0]]).toEqual([false, 7]);
    delivery?.release();
    await stage.sender.flush(LIMIT);
  });

  test('one that goes to several at once is released by as many', async () => {
    await using stage = await openStage({}, [SHARED]);
    await using first = new ThreadReader();
    await using second = new ThreadReader();
    trySend(stage.sender, 100, 7);
    const delivery = await stage.receiver.receive(LIMIT);
    const shared = delivery?.forThreads(3) as SharedDelivery;
    delivery?.release();
    await first.open(shared);
    await second.open(shared);
    const here = openShared(shared);
    expect([here.sequence, here.byteLength, here.bytes[99], here.released]).toEqual([
      0,
      100,
      7,
      false,
    ]);
    await first.call('release');
    here.release();
    here.release();
    expect([here.released, held(stage)]).toEqual([true, 1]);
    await second.call('release');
    await stage.sender.flush(LIMIT);
  });

  test('they go over a BroadcastChannel, and as workerData', async () => {
    await using stage = await openStage({}, [SHARED]);
    trySend(stage.sender, 100, 7);
    const delivery = await stage.receiver.receive(LIMIT);
    const name = folder.fresh();
    const [here, there] = [new BroadcastChannel(name), new BroadcastChannel(name)];
    const came = once(there, 'message');
    here.postMessage(delivery?.forThreads());
    const [{ data }] = await came;
    openShared(data)[Symbol.dispose]();
    here.close();
    there.close();
    const program = `import { workerData } from 'node:worker_threads';
      import { openShared } from '${import.meta.resolve('@pageferry/shared-mmap')}';
      openShared(workerData).release();`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(program)}`);
    const worker = new Worker(url, { workerData: delivery?.forThreads() });
    delivery?.release();
    await once(worker, 'exit');
    await stage.sender.flush(LIMIT);
  });

  test.each(['terminate', 'end'] as const)(
    'a thread that ends without a word (%s) is done',
    async (how) => {
      await using stage = await openStage({}, [SHARED]);
      await using other = new ThreadReader();
      const reader = new ThreadReader();
      await pass(stage, [reader, other]);
      await pass(stage, [reader]);
      await reader[how]();
      await collectUntil(() => held(stage) === 1);
      // That says nothing for the other one.
      collectGarbage();
      expect(await other.call('look')).toEqual([[0, 7, 7]]);
      await other.call('release');
      await stage.sender.flush(LIMIT);
    },
  );

  test('a message that was never taken is given back with the thread it was for', async () => {
    await using stage = await openStage({}, [SHARED]);
    const busy = new Worker('for (;;);', { eval: true });
    await once(busy, 'online');
    const post = async (): Promise<void> => {
      trySend(stage.sender, 100, 7);
      using delivery = await stage.receiver.receive(LIMIT);
      busy.postMessage(delivery?.forThreads());
    };
    await post();
    collectGarbage();
    expect(held(stage)).toBe(1);
    await busy.terminate();
    await collectUntil(() => held(stage) === 0);
    await stage.sender.flush(LIMIT);
  });

  test('what nobody has sent anywhere is given back when it is collected', async () => {
    await using stage = await openStage({}, [SHARED]);
    await pass(stage, []);
    trySend(stage.sender, 100, 7);
    (await stage.receiver.receive(LIMIT))?.[Symbol.dispose]();
    const forget = async (): Promise<void> => {
      trySend(stage.sender, 100, 7);
      using delivery = await stage.receiver.receive(LIMIT);
      delivery?.forThreads();
    };
    await forget();
    expect(held(stage)).toBe(1);
    await collectUntil(() => held(stage) === 0);
  });

  test('a collection takes nothing away from whoever reads, however often it runs', async () => {
    await using stage = await openStage({ poolBytes: 64 * KIB }, [SHARED]);
    await using reader = new ThreadReader();
    for (let round = 0; round < 20; round++) {
      await pass(stage, [reader], 10 * KIB);
      collectGarbage();
      // Not one of them is written over by another one.
      const seen = await reader.call('look');
      expect(seen.every(([, first, last]) => first === 7 && last === 7)).toBe(true);
      if (seen.length > 3) await reader.call('release');
      if (seen.length > 3) await until(() => held(stage) === 3);
    }
    await reader.call('forget');
  });

  test('the sender waits for what threads hold, and no longer', async () => {
    await using stage = await openStage({ poolBytes: 16 * KIB }, [SHARED]);
    await using reader = new ThreadReader();
    await pass(stage, [reader], 16 * KIB);
    expect(stage.sender.tryLoan(16 * KIB)).toBeUndefined();
    const loan = stage.sender.loan(16 * KIB, LIMIT);
    await reader.call('release');
    (await loan).release();
  });

  test.each([
    ['out of the pool', 5000, 1024 * KIB],
    ['with memory of its own', 100 * KIB, 8 * KIB],
  ])('when the receiver closes, a thread keeps a message %s', async (_, length, poolBytes) => {
    await using stage = await openStage({ poolBytes }, [SHARED, {}]);
    await using reader = new ThreadReader();
    await pass(stage, [reader], length);
    for (const delivery of drain(stage.receivers[1] as never)) delivery.release();
    await stage.receiver.close();
    await stage.sender.flush(LIMIT);
    // Its memory is lent again.
    for (let seed = 10; seed < 14; seed++) {
      trySend(stage.sender, length, seed);
      for (const delivery of drain(stage.receivers[1] as never)) delivery.release();
    }
    expect(await reader.call('look')).toEqual([[0, 7, 7]]);
    await reader.call('release');
    await reader.call('forget');
  });

  test('when the receiver is a thread that is terminated, what others have keeps its bytes', async () => {
    const endpoint = folder.fresh();
    await using sender = await sharedMmap.createSender({ endpoint, poolBytes: 8 * KIB });
    const program = `import { parentPort, workerData } from 'node:worker_threads';
      import { sharedMmap } from '${import.meta.resolve('@pageferry/shared-mmap')}';
      const receiver = await sharedMmap.createReceiver({ endpoint: workerData, sharedToThreads: true });
      const delivery = await receiver.receive();
      parentPort.postMessage(delivery.forThreads());
      delivery.release();
      setInterval(() => {}, 1000);`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(program)}`);
    const worker = new Worker(url, { workerData: endpoint });
    const came = once(worker, 'message');
    await sender.waitForReceivers(1, LIMIT);
    trySend(sender, 8 * KIB, 7);
    const [shared] = await came;
    const delivery = openShared(shared);
    await worker.terminate();
    await until(() => sender.receivers.length === 0);
    const loan = await sender.loan(8 * KIB, LIMIT);
    loan.bytes.fill(9);
    expect(Buffer.alloc(8 * KIB, 7).equals(delivery.bytes)).toBe(true);
    delivery.release();
    expect(() => delivery.bytes).toThrow(expect.objectContaining({ code: 'DELIVERY_RELEASED' }));
    expect(() => delivery.copy()).toThrow(expect.objectContaining({ code: 'DELIVERY_RELEASED' }));
    loan.release();
  });

  test('with guard, the views of this thread are taken away, and those of others are not', async () => {
    await using stage = await openStage({}, [{ ...SHARED, guard: true }]);
    await using reader = new ThreadReader();
    await pass(stage, [reader]);
    expect(await reader.call('look')).toEqual([[0, 7, 7]]);
    await reader.call('release');
    await stage.sender.flush(LIMIT);
  });

  test('a receiver that may miss messages shares them, too', async () => {
    await using stage = await openStage({}, [{ ...SHARED, whenBehind: 'drop-oldest' }]);
    await using reader = new ThreadReader();
    await pass(stage, [reader]);
    await reader.call('release');
    await stage.sender.flush(LIMIT);
  });

  test('receiveSync takes in what other threads have released', async () => {
    await using stage = await openStage({ poolBytes: 16 * KIB }, [{ ...SHARED, maxBorrowed: 1 }]);
    await using reader = new ThreadReader();
    for (let round = 0; round < 3; round++) {
      trySend(stage.sender, 16 * KIB, 7);
      const delivery = stage.receiver.receiveSync(LIMIT);
      await reader.open(delivery?.forThreads() as SharedDelivery);
      delivery?.release();
      const released = reader.call('release');
      // This thread sleeps now: its event loop takes in nothing.
      const loan = await stage.sender.loan(100, LIMIT);
      loan.bytes.fill(round);
      await loan.send(LIMIT);
      const next = stage.receiver.receiveSync(LIMIT);
      expect(next?.bytes[0]).toBe(round);
      next?.release();
      await released;
    }
  });

  test('over channels, on both sides', async () => {
    const endpoint = folder.fresh();
    await using listener = await sharedMmap.listen({ endpoint, ...SHARED });
    await using there = await sharedMmap.connect({ endpoint, ...SHARED, ...LIMIT });
    await using here = await listener.accept(LIMIT);
    await using reader = new ThreadReader();
    for (const [from, to] of [
      [here, there],
      [there, here],
    ] as const) {
      await from.send(Buffer.alloc(5000, 7), LIMIT);
      const delivery = await to.receive(LIMIT);
      await reader.open(delivery?.forThreads() as SharedDelivery);
      delivery?.release();
      expect(await reader.call('look')).toEqual([[0, 7, 7]]);
      await reader.call('release');
      await from.flush(LIMIT);
    }
  });

  test('the number of threads is a positive integer', async () => {
    await using stage = await openStage({}, [SHARED]);
    trySend(stage.sender, 100, 7);
    const delivery = await stage.receiver.receive(LIMIT);
    for (const wrong of [0, -1, 1.5, 2 ** 31, '1' as never]) {
      expect(() => delivery?.forThreads(wrong)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', argument: 'threads' }),
      );
    }
    delivery?.release();
    expect(() => delivery?.forThreads()).toThrow(
      expect.objectContaining({ code: 'DELIVERY_RELEASED' }),
    );
    await stage.sender.flush(LIMIT);
  });

  test('a Node that gets no bell for it says so, and leaves nothing behind', async () => {
    await using stage = await openStage();
    const binding = callsWith({ threadBell: (buffer) => (buffer.byteLength === 0 ? -22 : -24) });
    await expect(stage.join({ ...SHARED, binding })).rejects.toThrow(
      expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', errnoName: 'EMFILE' }),
    );
    const mute = callsWith({ watch: () => -24 });
    await expect(stage.join({ ...SHARED, binding: mute })).rejects.toThrow(
      expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', errnoName: 'EMFILE' }),
    );
    await until(() => stage.sender.receivers.length === 1);
  });

  test('a message that cannot be shared is still the caller’s alone', async () => {
    const binding = callsWith({ threadAlias: () => -12 });
    await using stage = await openStage({}, [{ ...SHARED, binding }]);
    trySend(stage.sender, 100, 7);
    const delivery = await stage.receiver.receive(LIMIT);
    expect(() => delivery?.forThreads()).toThrow(
      expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', errnoName: 'ENOMEM' }),
    );
    delivery?.release();
    await stage.sender.flush(LIMIT);
  });

  test.each(['exit', 'return'])('a process ends while threads hold (%s)', async (how) => {
    await using stage = await openStage({}, []);
    const program = new URL('./peers/thread-holder.mjs', import.meta.url);
    await using child = new Child(program, [stage.sender.endpoint, how]);
    await stage.sender.waitForReceivers(1, LIMIT);
    trySend(stage.sender, 5000, 7);
    expect(await child.exit).toBe(7);
    await stage.sender.flush(LIMIT);
    expect(stage.sender.stats().bytesOut).toBe(0);
  });

  test('sharing keeps no process alive', async () => {
    await using stage = await openStage({}, [SHARED]);
    stage.receiver.unref();
    await delay(0);
    expect(process.getActiveResourcesInfo().filter((name) => name === 'PollHandle')).toEqual([]);
  });
});
