import {
  EPERM,
  F_SEAL_WRITE,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
  SIZE_SEALS,
} from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { countDescriptors, countSharedMappings, expectNothingLeft } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { OwnMemory } from '../dist/memory/own-memory.js';
import { Windows } from '../dist/memory/window.js';
import { KIB, LIMIT, openStage } from './support/stage.js';

const calls = loadLinuxCalls();
const LARGE = 100 * KIB;
const POOL = { poolBytes: 64 * KIB };

describe('memory of one message’s own', () => {
  expectNothingLeft();

  test('cannot be changed any more once it is sealed, by nobody', () => {
    using own = new OwnMemory(5000, { calls, windows: new Windows(calls), guard: false });
    expect(own.grow(() => false)).toBe(true);
    const bytes = own.bytes().fill(7);
    const { fd } = own.seal();
    // The view shows other memory by now: writing to it is harmless.
    expect(bytes[0]).toBe(0);
    bytes.fill(8);
    const content = new Uint8Array(1);
    calls.lseek(fd, 0, 0);
    expect(calls.read(fd, content, 0, 1)).toBe(1);
    expect(content[0]).toBe(7);
    expect(calls.getSeals(fd) & (SIZE_SEALS | F_SEAL_WRITE)).toBe(SIZE_SEALS | F_SEAL_WRITE);
    expect(calls.write(fd, new Uint8Array(1), 0, 1)).toBe(-EPERM);
    expect(calls.ftruncate(fd, 0)).toBe(-EPERM);
    expect(calls.mmap(8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)).toBe(-EPERM);
    expect(own.seal().fd).toBe(fd);
  });

  test('carries a message to all receivers, and leaves with the last of them', async () => {
    await using stage = await openStage(POOL, [{}, {}]);
    const before = [countDescriptors(), countSharedMappings()];
    const loan = await stage.sender.loan(LARGE, LIMIT);
    loan.bytes.fill(9);
    loan.truncate(LARGE - 1);
    expect(await loan.send()).toBe('sent');
    for (const receiver of stage.receivers) {
      using delivery = await receiver.receive(LIMIT);
      expect(delivery?.bytes.length).toBe(LARGE - 1);
      expect(delivery?.bytes.every((byte) => byte === 9)).toBe(true);
    }
    await stage.sender.flush(LIMIT);
    expect(stage.sender.stats().bytesOut).toBe(0);
    expect([countDescriptors(), countSharedMappings()]).toEqual(before);
  });

  test('outlives its sender in the hands of a receiver', async () => {
    await using stage = await openStage(POOL);
    await stage.sender.send(new Uint8Array(LARGE).fill(3), LIMIT);
    using delivery = await stage.receiver.receive(LIMIT);
    await stage.sender.close();
    expect(delivery?.bytes.every((byte) => byte === 3)).toBe(true);
    expect(await stage.receiver.receive(LIMIT)).toBeUndefined();
  });

  test('that nobody has received yet is closed with the receiver', async () => {
    await using stage = await openStage({ poolBytes: 400 * KIB });
    for (let message = 0; message < 3; message++) {
      // Pages that are out in between leave no room at a stretch.
      await stage.sender.send(new Uint8Array(LARGE), LIMIT);
    }
    await stage.receiver.close();
    await stage.sender.flush(LIMIT);
    expect(stage.sender.stats().bytesOut).toBe(0);
  });

  test('that was lent and not sent is given back', async () => {
    await using stage = await openStage(POOL);
    const before = countDescriptors();
    const loan = await stage.sender.loan(LARGE);
    loan.release();
    expect(countDescriptors()).toBe(before);
    expect(stage.sender.stats().bytesOut).toBe(0);
  });

  test('keeps its place among messages out of the pool', async () => {
    await using stage = await openStage(POOL);
    const lengths = [10, LARGE, 20, LARGE + 1, LARGE, 30, 0];
    const sending = (async () => {
      for (const [seed, length] of lengths.entries()) {
        await stage.sender.send(new Uint8Array(length).fill(seed + 1), LIMIT);
      }
    })();
    for (const [seed, length] of lengths.entries()) {
      using delivery = await stage.receiver.receive(LIMIT);
      expect(delivery).toMatchObject({ sequence: seed, byteLength: length });
      expect(delivery?.bytes.every((byte) => byte === seed + 1)).toBe(true);
    }
    await sending;
  });
});
