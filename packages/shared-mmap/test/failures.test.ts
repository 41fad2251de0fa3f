import { EMFILE, ENOMEM, ENOSPC, type LinuxCalls } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { sharedMmap } from '@pageferry/shared-mmap';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { callsWith, KIB, LIMIT, MIB, openStage } from './support/stage.js';

const calls = loadLinuxCalls();
const folder = temporaryFolder();

type Fallible =
  | 'memfdCreate'
  | 'ftruncate'
  | 'fallocate'
  | 'mmap'
  | 'addSeals'
  | 'eventfd'
  | 'watch';

/** Calls of which one fails while `failure` is set. */
function fragile(name: Fallible): { calls: LinuxCalls; failure: number } {
  const real = calls[name] as (...words: unknown[]) => unknown;
  const state = {
    failure: 0,
    calls: callsWith({ [name]: (...words: unknown[]) => state.failure || real(...words) }),
  };
  return state;
}

const failed = (errnoName: string): unknown =>
  expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', errnoName });

describe('a sender that cannot be made', () => {
  expectNothingLeft();

  test.each([
    ['memfdCreate', 'EMFILE', EMFILE],
    ['ftruncate', 'ENOSPC', ENOSPC],
    ['fallocate', 'ENOSPC', ENOSPC],
    ['mmap', 'ENOMEM', ENOMEM],
    ['addSeals', 'ENOMEM', ENOMEM],
    ['watch', 'ENOMEM', ENOMEM],
  ] as const)('because %s answers %s leaves nothing', async (name, errnoName, errno) => {
    const fragileCalls = fragile(name);
    fragileCalls.failure = -errno;
    const endpoint = folder.fresh();
    const binding = fragileCalls.calls;
    await expect(sharedMmap.createSender({ endpoint, binding })).rejects.toThrow(failed(errnoName));
    const sender = await sharedMmap.createSender({ endpoint });
    await sender.close();
  });
});

describe('a sender that runs out of', () => {
  expectNothingLeft();

  test.each([
    ['room in the pool', 'fallocate', 3 * MIB, 'ENOSPC', ENOSPC],
    ['memory in the pool', 'fallocate', 3 * MIB, 'ENOMEM', ENOMEM],
    ['room beyond the pool', 'fallocate', 9 * MIB, 'ENOSPC', ENOSPC],
    ['descriptors', 'memfdCreate', 9 * MIB, 'EMFILE', EMFILE],
    ['address space', 'mmap', 9 * MIB, 'ENOMEM', ENOMEM],
  ] as const)(
    '%s (%s) says so, loses nothing, and goes on',
    async (_, name, length, errnoName, errno) => {
      const fragileCalls = fragile(name);
      await using stage = await openStage({ binding: fragileCalls.calls, poolBytes: 8 * MIB });
      const exchange = async (byteLength: number): Promise<void> => {
        expect(await stage.sender.send(new Uint8Array(byteLength).fill(5), LIMIT)).toBe('sent');
        using delivery = await stage.receiver.receive(LIMIT);
        expect(delivery?.byteLength).toBe(byteLength);
        expect(delivery?.bytes[byteLength - 1]).toBe(5);
      };
      await exchange(100);
      fragileCalls.failure = -errno;
      for (let time = 0; time < 2; time++) {
        expect(() => stage.sender.tryLoan(length)).toThrow(failed(errnoName));
        await expect(stage.sender.loan(length, LIMIT)).rejects.toThrow(failed(errnoName));
        await expect(stage.sender.send(new Uint8Array(length), LIMIT)).rejects.toThrow(
          failed(errnoName),
        );
      }
      expect(stage.sender.stats()).toMatchObject({ loansHeld: 0, bytesOut: 0 });
      // What is there already can still be used.
      await exchange(MIB);
      fragileCalls.failure = 0;
      await exchange(length);
      await exchange(length - 1);
    },
  );
});

describe('a sender that cannot set up a connection', () => {
  expectNothingLeft();

  test.each([
    ['memfdCreate', EMFILE],
    ['mmap', ENOMEM],
    ['eventfd', EMFILE],
    ['watch', ENOMEM],
  ] as const)(
    'because %s fails refuses the receiver, and takes the next one',
    async (name, errno) => {
      const fragileCalls = fragile(name);
      const real = fragileCalls.calls.watch;
      await using stage = await openStage({ binding: fragileCalls.calls }, []);
      const { endpoint } = stage.sender;
      // The socket of the handshake itself is watched before: the watch that fails is a later one.
      let watches = 0;
      if (name === 'watch') {
        fragileCalls.calls.watch = (...words) => (watches++ === 1 ? -errno : real(...words));
      } else {
        fragileCalls.failure = -errno;
      }
      await expect(sharedMmap.createReceiver({ endpoint, ...LIMIT })).rejects.toThrow(
        expect.objectContaining({ code: 'PEER_REJECTED' }),
      );
      fragileCalls.failure = 0;
      await stage.join();
      await stage.sender.send(new Uint8Array(10), LIMIT);
      using delivery = await stage.receiver.receive(LIMIT);
      expect(delivery?.byteLength).toBe(10);
    },
  );
});

describe('a receiver that runs out of', () => {
  expectNothingLeft();

  test.each([
    ['address space', 'mmap', 'ENOMEM', ENOMEM],
    ['watchers', 'watch', 'ENOMEM', ENOMEM],
  ] as const)('%s while it connects leaves nothing', async (_, name, errnoName, errno) => {
    const fragileCalls = fragile(name);
    await using stage = await openStage({}, []);
    const { endpoint } = stage.sender;
    fragileCalls.failure = -errno;
    const binding = fragileCalls.calls;
    await expect(sharedMmap.createReceiver({ endpoint, binding, ...LIMIT })).rejects.toThrow(
      failed(errnoName),
    );
    fragileCalls.failure = 0;
    await stage.join({ binding });
  });

  test('address space for a large message says so, and gets that very message later', async () => {
    const fragileCalls = fragile('mmap');
    await using stage = await openStage({ poolBytes: 64 * KIB }, [{ binding: fragileCalls.calls }]);
    await stage.sender.send(new Uint8Array(100 * KIB).fill(8), LIMIT);
    fragileCalls.failure = -ENOMEM;
    for (let time = 0; time < 2; time++) {
      expect(() => stage.receiver.tryReceive()).toThrow(failed('ENOMEM'));
      await expect(stage.receiver.receive(LIMIT)).rejects.toThrow(failed('ENOMEM'));
    }
    fragileCalls.failure = 0;
    using delivery = await stage.receiver.receive(LIMIT);
    expect(delivery).toMatchObject({ sequence: 0, byteLength: 100 * KIB });
    expect(delivery?.bytes.every((byte) => byte === 8)).toBe(true);
  });

  test('address space for a large message can close all the same', async () => {
    const fragileCalls = fragile('mmap');
    await using stage = await openStage({ poolBytes: 64 * KIB }, [{ binding: fragileCalls.calls }]);
    await stage.sender.send(new Uint8Array(100 * KIB), LIMIT);
    fragileCalls.failure = -ENOMEM;
    await expect(stage.receiver.receive(LIMIT)).rejects.toThrow(failed('ENOMEM'));
    await stage.receiver.close();
    await stage.sender.flush(LIMIT);
    expect(stage.sender.stats().bytesOut).toBe(0);
  });
});
