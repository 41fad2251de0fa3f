import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { gzip } from 'node:zlib';
import { EINVAL, ENOSYS } from '@pageferry/linux';
import { expectNothingLeft } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { callsWith, drain, KIB, LIMIT, openStage, trySend } from './support/stage.js';

const NOT_OWNED = expect.objectContaining({ code: 'LOAN_NOT_OWNED' });
const RELEASED = expect.objectContaining({ code: 'DELIVERY_RELEASED' });
const LENGTHS = [1, 0, 5000, 5000, 100 * KIB];

describe.each([true, false])('with guard: %s', (guard) => {
  expectNothingLeft();

  test('loans cannot be used after they were sent or released', async () => {
    await using stage = await openStage({ guard });
    for (const end of ['send', 'trySend', 'release', Symbol.dispose] as const) {
      const loan = await stage.sender.loan(100, LIMIT);
      await loan[end]();
      expect(() => loan.bytes).toThrow(NOT_OWNED);
      expect(() => loan.trySend()).toThrow(NOT_OWNED);
      await expect(loan.send()).rejects.toThrow(NOT_OWNED);
      expect(() => loan.truncate(1)).toThrow(NOT_OWNED);
      loan.release();
      expect(loan.byteLength).toBe(100);
    }
  });

  test('deliveries cannot be used after they were released', async () => {
    await using stage = await openStage({}, [{ guard }]);
    for (const end of ['release', Symbol.dispose] as const) {
      trySend(stage.sender, 100, 7);
      const [delivery] = drain(stage.receiver);
      const copy = delivery?.copy();
      delivery?.[end]();
      expect(() => delivery?.bytes).toThrow(RELEASED);
      expect(() => delivery?.copy()).toThrow(RELEASED);
      expect(copy?.every((byte) => byte === 7)).toBe(true);
      delivery?.release();
    }
  });

  test('messages of every size cross, in slots that are used again', async () => {
    await using stage = await openStage({ guard, poolBytes: 64 * KIB }, [{ guard }]);
    for (let round = 0; round < 3; round++) {
      for (const [seed, length] of LENGTHS.entries()) {
        await stage.sender.send(new Uint8Array(length).fill(seed + 1), LIMIT);
        using delivery = await stage.receiver.receive(LIMIT);
        expect(delivery?.byteLength).toBe(length);
        expect(delivery?.bytes.every((byte) => byte === seed + 1)).toBe(true);
      }
    }
  });
});

describe('a view that was kept', () => {
  expectNothingLeft();

  test.each(LENGTHS)(
    'of a loan of %i bytes has length 0 once that is sent or released',
    async (length) => {
      await using stage = await openStage({ guard: true, poolBytes: 64 * KIB });
      for (const end of ['send', 'release'] as const) {
        const loan = await stage.sender.loan(length, LIMIT);
        const views = [
          loan.bytes,
          loan.bytes.subarray(0, length >> 1),
          new DataView(loan.bytes.buffer),
        ];
        await loan[end]();
        expect(views.map((view) => view.buffer.byteLength)).toEqual([0, 0, 0]);
        for (const delivery of drain(stage.receiver)) delivery.release();
      }
    },
  );

  test('of a truncated loan is taken away too', async () => {
    await using stage = await openStage({ guard: true });
    const loan = await stage.sender.loan(100);
    const before = loan.bytes;
    loan.truncate(10);
    const after = loan.bytes;
    await loan.send();
    for (const view of [before, after]) {
      expect(() => view.length).toThrow(NOT_OWNED);
      expect(() => view.subarray(1)).toThrow(NOT_OWNED);
    }
    expect(drain(stage.receiver)).toMatchObject([{ byteLength: 10 }]);
  });

  test('of a loan stays while the message was not accepted', async () => {
    await using stage = await openStage({ guard: true }, []);
    using loan = await stage.sender.loan(100);
    const { bytes } = loan;
    expect(loan.trySend()).toBe('no-receiver');
    expect(bytes.length).toBe(100);
  });

  test.each(LENGTHS)(
    'of a delivery of %i bytes has length 0 once that is released',
    async (length) => {
      await using stage = await openStage({ poolBytes: 64 * KIB }, [{ guard: true }]);
      trySend(stage.sender, length, 1);
      const [delivery] = drain(stage.receiver);
      const views = [delivery?.bytes, delivery?.bytes.subarray(0, length >> 1)];
      delivery?.release();
      expect(views.map((view) => view?.buffer.byteLength)).toEqual([0, 0]);
    },
  );

  test('is an error to whoever asks how long it is, and to most of Node’s APIs (11.4)', async () => {
    await using stage = await openStage({ poolBytes: 64 * KIB }, [{ guard: true }]);
    for (const length of [0, 100, 5000, 100 * KIB]) {
      trySend(stage.sender, length, 1);
      const [delivery] = drain(stage.receiver);
      const bytes = delivery?.bytes as Uint8Array;
      const part = bytes.subarray(0, length >> 1);
      // Until then it is like any other.
      expect([bytes.length, bytes.byteLength, part.length]).toEqual([length, length, length >> 1]);
      expect(Buffer.from(bytes)).toEqual(Buffer.alloc(length, 1));
      expect(bytes.slice(0, 1).buffer).not.toBe(bytes.buffer);
      expect(bytes.slice()).toEqual(new Uint8Array(length).fill(1));
      delivery?.release();
      for (const view of [bytes, part]) {
        expect(() => view.length).toThrow(RELEASED);
        expect(() => view.byteLength).toThrow(RELEASED);
      }
      expect(() => Buffer.from(bytes)).toThrow(RELEASED);
      expect(() => fs.writeSync(1, bytes)).toThrow(RELEASED);
      expect(() => fs.write(1, bytes, () => {})).toThrow(RELEASED);
      await expect(fs.promises.writeFile('/dev/null', bytes)).rejects.toThrow(RELEASED);
      expect(() => gzip(bytes, () => {})).toThrow(RELEASED);
      expect(() => new PassThrough().write(bytes)).toThrow(RELEASED);
    }
  });

  test('ends the program rather than that its file comes out short (11.4)', async () => {
    const program = fileURLToPath(new URL('programs/early-release.mjs', import.meta.url));
    const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    child.stderr.on('data', (text) => {
      errors += text;
    });
    const [code] = await once(child, 'close');
    expect([code, output]).toEqual([1, '']);
    expect(errors).toContain('DELIVERY_RELEASED');
  });

  test('of one delivery does not take another one’s away, be it of the same memory', async () => {
    await using stage = await openStage({}, [{ guard: true }, { guard: true }]);
    trySend(stage.sender, 100, 7);
    const [first, second] = stage.receivers.map((receiver) => receiver.tryReceive());
    first?.release();
    expect(second?.bytes.every((byte) => byte === 7)).toBe(true);
  });

  test('of deliveries and loans stays as it is when their owner closes (11.6)', async () => {
    await using stage = await openStage({ guard: true }, [{ guard: true }]);
    trySend(stage.sender, 100, 7);
    const [delivery] = drain(stage.receiver);
    const views = [delivery?.bytes, (await stage.sender.loan(50)).bytes.fill(8)];
    await stage.receiver.close();
    await stage.sender.close();
    // Nobody else gets the memory, and a thread may be at work on it.
    expect(views.map((view) => view && Array.from(view))).toEqual([
      new Array(100).fill(7),
      new Array(50).fill(8),
    ]);
  });

  test('can be relied on: where a binding cannot take views away, guard fails and loses nothing', async () => {
    for (const errno of [ENOSYS, EINVAL]) {
      const binding = callsWith({ alias: () => -errno });
      const failure = expect.objectContaining({ syscall: 'alias', errno });
      await using stage = await openStage({ guard: true, binding }, []);
      expect(() => stage.sender.tryLoan(10)).toThrow(failure);
      expect(stage.sender.stats()).toMatchObject({ bytesOut: 0, loansHeld: 0 });
      await using other = await openStage({}, [{ guard: true, binding }]);
      trySend(other.sender, 10, 1);
      expect(() => other.receiver.tryReceive()).toThrow(failure);
      await expect(other.receiver.receive(LIMIT)).rejects.toThrow(failure);
    }
  });
});
