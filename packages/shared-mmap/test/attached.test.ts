import { fstatSync } from 'node:fs';
import { createMemoryFile, type OwnedFd } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import type { Delivery } from '@pageferry/shared-mmap';
import { countDescriptors, expectNothingLeft } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { HostileReceiver } from './support/hostile-receiver.js';
import { drain, KIB, LIMIT, openStage, until } from './support/stage.js';

// What is said of descriptors in docs/shared-memory-layout.md, beside the cases of the conformance suite.

const calls = loadLinuxCalls();

/** A file of so many bytes, by which it can be told again. */
function fileOf(byteLength: number): OwnedFd {
  const file = createMemoryFile(calls, 'attached');
  calls.ftruncate(file.fd, byteLength);
  return file;
}

/** The lengths of the files that came with a message, all of which are closed. */
function lengthsOf(delivery: Delivery | undefined): readonly number[] {
  return (delivery?.takeDescriptors() ?? []).map((file) => {
    const { size } = fstatSync(file.fd);
    file.close();
    return size;
  });
}

describe('descriptors that travel with messages', () => {
  expectNothingLeft();

  test.each(['drop-newest', 'drop-oldest'] as const)(
    'go with their own message where others are dropped (%s)',
    async (whenBehind) => {
      await using stage = await openStage({}, [{ whenBehind, queueDepth: 3 }]);
      for (let number = 0; number < 300; number++) {
        using file = fileOf(number);
        expect(await stage.sender.sendDescriptors([file, file], { tag: number })).toBe('sent');
        if (number % 50 !== 49) continue;
        for (const delivery of drain(stage.receiver)) {
          expect(lengthsOf(delivery)).toEqual([delivery.tag, delivery.tag]);
          delivery.release();
        }
      }
      expect(stage.receiver.stats().messagesDropped).toBeGreaterThan(200);
    },
  );

  test.each(['drop-newest', 'drop-oldest'] as const)(
    'do not fill a process that takes nothing and may miss them (%s)',
    async (whenBehind) => {
      await using stage = await openStage({}, [{ whenBehind }]);
      using file = fileOf(1);
      const before = countDescriptors();
      for (let number = 0; number < 100; number++) {
        await stage.sender.sendDescriptors(Array(50).fill(file));
        await new Promise(setImmediate);
      }
      // Of those that wait, of those that were dropped last, and of one message besides.
      expect(countDescriptors() - before).toBeLessThanOrEqual(256 + 256 + 50);
      for (const delivery of drain(stage.receiver)) delivery.release();
    },
  );

  test('under way to a receiver are 256 at most', async () => {
    await using stage = await openStage();
    using file = fileOf(7);
    const trySend = async (count: number) => {
      using loan = await stage.sender.loan(1);
      for (let each = 0; each < count; each++) loan.attach(file);
      return loan.trySend();
    };
    expect([await trySend(100), await trySend(100), await trySend(57)]).toEqual([
      'sent',
      'sent',
      'full',
    ]);
    expect(await trySend(56)).toBe('sent');
    // Others need none, and go on.
    expect(await stage.sender.send(Buffer.from('plain'))).toBe('sent');
    const [first, ...others] = drain(stage.receiver);
    expect(lengthsOf(first)).toHaveLength(100);
    first?.release();
    expect(await trySend(100)).toBe('sent');
    for (const delivery of [...others, ...drain(stage.receiver)]) delivery.release();
  });

  test('go beside memory of the message’s own', async () => {
    await using stage = await openStage({ poolBytes: 64 * KIB }, [
      {},
      { whenBehind: 'drop-oldest' },
    ]);
    const { maxDescriptors } = (await import('../dist/capabilities.js')).capabilities;
    using file = fileOf(9);
    for (const count of [1, maxDescriptors]) {
      const loan = await stage.sender.loan(100 * KIB, LIMIT);
      loan.bytes.fill(5);
      for (let each = 0; each < count; each++) loan.attach(file);
      expect(await loan.send(LIMIT)).toBe('sent');
      for (const receiver of stage.receivers) {
        using delivery = await receiver.receive(LIMIT);
        expect(delivery?.bytes.every((byte) => byte === 5)).toBe(true);
        expect(lengthsOf(delivery)).toEqual(Array(count).fill(9));
      }
    }
  });

  test('of the history come with their messages, to each who comes later', async () => {
    await using stage = await openStage({ history: 3 }, []);
    for (let number = 0; number < 6; number++) {
      using file = fileOf(number);
      await stage.sender.sendDescriptors(Array(number % 3).fill(file), { tag: number });
    }
    const before = countDescriptors();
    for (const whenBehind of ['wait', 'drop-oldest', 'wait'] as const) {
      const receiver = await stage.join({ whenBehind });
      await until(() => receiver.peek() !== undefined);
      const seen: (readonly number[])[] = [];
      while (seen.length < 3) {
        using delivery = await receiver.receive(LIMIT);
        seen.push([delivery?.tag ?? -1, ...lengthsOf(delivery)]);
      }
      expect(seen).toEqual([[3], [4, 4], [5, 5, 5]]);
      await receiver.close();
    }
    await until(() => stage.sender.receivers.length === 0 && countDescriptors() <= before);
    // They are closed when the history goes on.
    for (let number = 0; number < 3; number++) await stage.sender.send(Buffer.alloc(1));
    expect(countDescriptors()).toBe(before - 3);
  });

  test('are refused while a receiver takes none, and everything else is sent', async () => {
    await using stage = await openStage({ history: 4 }, [{}]);
    using file = fileOf(3);
    await stage.sender.sendDescriptors([file]);
    expect(drain(stage.receiver).map((delivery) => lengthsOf(delivery))).toEqual([[3]]);
    await stage.sender.send(Buffer.alloc(10));
    // Its hello says nothing of descriptors, as those of other programs do.
    const other = await HostileReceiver.connect(calls, stage.sender.endpoint);
    await stage.sender.waitForReceivers(2);
    // Of the history it gets what came after the last message with descriptors.
    expect([other.take().sequence, other.deliveries]).toEqual([1, 0]);
    const loan = await stage.sender.loan(5);
    loan.attach(file);
    const refused = expect.objectContaining({ code: 'NOT_SUPPORTED' });
    await expect(loan.send(LIMIT)).rejects.toThrow(refused);
    expect(() => loan.trySend()).toThrow(refused);
    await expect(stage.sender.sendDescriptors([file])).rejects.toThrow(refused);
    expect(loan.owned).toBe(true);
    expect(await stage.sender.send(Buffer.alloc(20))).toBe('sent');
    expect(other.take().sequence).toBe(2);
    other[Symbol.dispose]();
    await until(() => stage.sender.receivers.length === 1);
    expect(await loan.send(LIMIT)).toBe('sent');
    const last = drain(stage.receiver);
    expect(last.map(({ byteLength, descriptors }) => [byteLength, descriptors])).toEqual([
      [10, 0],
      [20, 0],
      [5, 1],
    ]);
  });
});
