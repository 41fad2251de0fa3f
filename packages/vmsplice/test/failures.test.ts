import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPipe, ENOMEM, EPERM, type LinuxCalls } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { Child, expectNothingLeft } from '@pageferry/testkit';
import { createPipePrograms, createVmspliceTransport } from '@pageferry/vmsplice';
import { describe, expect, test } from 'vitest';
import { callsWith, expectToCross, openPair, pattern } from './support/pair.js';

const { EIO } = constants.errno;
const real = loadLinuxCalls();
const LIMIT = { timeout: 10_000 };
const KIB = 1024;

const addressOf = ({ buffer, byteOffset }: Uint8Array): bigint =>
  real.addressOf(buffer as ArrayBuffer) + BigInt(byteOffset);

/** System calls of which the one called `name` fails while `failure` is set. */
function fragile(name: 'vmsplice' | 'write' | 'poll', others: Partial<LinuxCalls> = {}) {
  const state = { failure: 0, calls: real };
  const call = real[name] as (...words: unknown[]) => number;
  state.calls = callsWith({
    ...others,
    [name]: (...words: unknown[]) => state.failure || call(...words),
  });
  return state;
}

const COPYING: Partial<LinuxCalls> = { vmsplice: () => -EPERM };

describe('an error after a message was accepted', () => {
  test.each([
    ['vmsplice', 'ENOMEM', ENOMEM, {}],
    ['vmsplice', 'EIO', EIO, {}],
    ['write', 'EIO', EIO, COPYING],
  ] as const)(
    '(%s: %s) ends that connection alone, and no memory is lent twice (11.3)',
    async (name, errnoName, errno, others) => {
      const folder = mkdtempSync(join(tmpdir(), 'pageferry-'));
      const endpoint = join(folder, 'endpoint');
      // One receiver's pipe takes nothing more; the other's goes on.
      let broken = -1;
      const call = real[name] as (...words: unknown[]) => number;
      const pipes: number[] = [];
      const calls = callsWith({
        ...others,
        pipe2: (descriptors, flags) => {
          const result = real.pipe2(descriptors, flags);
          pipes.push(descriptors[1] as number);
          return result;
        },
        [name]: (fd: number, ...words: unknown[]) => (fd === broken ? -errno : call(fd, ...words)),
      });
      const transport = createVmspliceTransport('test', () => calls);
      await using sender = await transport.createSender({ endpoint });
      await using failing = await transport.createReceiver({ endpoint, ...LIMIT });
      await sender.waitForReceivers(1, LIMIT);
      const pipeOfFirst = pipes.at(-1) as number;
      await using lasting = await transport.createReceiver({ endpoint, ...LIMIT });
      await sender.waitForReceivers(2, LIMIT);
      const first = await sender.loan(4 * KIB);
      first.bytes.set(pattern(4 * KIB, 0));
      const address = addressOf(first.bytes);
      broken = pipeOfFirst;
      const warned = once(process, 'warning');
      expect(await first.send(LIMIT)).toBe('sent');
      expect(first.owned).toBe(false);
      first.release();
      // It is under way to the other one: it cannot be lent again.
      const second = await sender.loan(4 * KIB);
      expect(addressOf(second.bytes)).not.toBe(address);
      second.bytes.set(pattern(4 * KIB, 1));
      expect(await second.send(LIMIT)).toBe('sent');
      for (const seed of [0, 1]) {
        using delivery = await lasting.receive(LIMIT);
        expect(delivery?.copy().equals(pattern(4 * KIB, seed))).toBe(true);
      }
      await expect(failing.receive(LIMIT)).rejects.toMatchObject({
        code: 'PEER_REJECTED',
        message: expect.stringContaining('the sender lives'),
      });
      await sender.flush(LIMIT);
      expect(sender.receivers).toHaveLength(1);
      expect(sender.stats()).toMatchObject({
        messagesSent: 2,
        loansHeld: 0,
        bytesOut: 0,
        connectionsFailed: 1,
        connectionFailure: { code: 'SYSTEM_CALL_FAILED', syscall: name, errnoName },
      });
      expect((await warned)[0]).toMatchObject({ code: 'PAGEFERRY_CONNECTION_FAILED' });
      const loans = [await sender.loan(4 * KIB), await sender.loan(4 * KIB)];
      loans[0]?.bytes.fill(3);
      loans[1]?.bytes.fill(4);
      expect(loans[0]?.bytes[0]).toBe(3);
      for (const loan of loans) loan.release();
      rmSync(folder, { recursive: true });
    },
  );

  test('out of the event loop is no uncaught exception (11.3)', async () => {
    const state = fragile('vmsplice');
    await using pair = await openPair(state.calls);
    // More than the pipe takes: the rest leaves from callbacks.
    const loan = await pair.sender.loan(8_000_000);
    loan.bytes.set(pattern(8_000_000, 5));
    expect(loan.trySend()).toBe('sent');
    state.failure = -EIO;
    await expect(pair.receiver.receive(LIMIT)).rejects.toMatchObject({ code: 'PEER_REJECTED' });
    await pair.sender.flush(LIMIT);
    expect(pair.sender.stats()).toMatchObject({ bytesOut: 0, connectionsFailed: 1 });
    expect(await pair.sender.send(Buffer.from('more'))).toBe('no-receiver');
  });

  test('when the receiver cannot be woken is told to both (11.3)', async () => {
    const state = fragile('poll');
    await using pair = await openPair(state.calls);
    expect(await expectToCross(pair, [1, 4097])).toBe(2);
    const receiving = pair.receiver.receive(LIMIT);
    receiving.catch(() => undefined);
    // Parked by now, or still polling: the bell is needed where it is parked.
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    state.failure = -ENOMEM;
    expect(await pair.sender.send(new Uint8Array(0), LIMIT)).toBe('sent');
    state.failure = 0;
    const outcome = await receiving.then(
      (delivery) => delivery?.byteLength,
      (error) => error.code,
    );
    expect([0, 'PEER_REJECTED', 'SYSTEM_CALL_FAILED']).toContain(outcome);
    await pair.sender.flush(LIMIT);
    expect(pair.sender.stats()).toMatchObject({ bytesOut: 0, loansHeld: 0 });
  });
});

test('whatever system call fails, when it does: nothing is uncaught, lent twice or left open (11.3)', async () => {
  await using program = new Child(new URL('./programs/failing-calls.mjs', import.meta.url));
  expect(await program.exit).toBe(0);
}, 240_000);

describe('a resource that is refused when others are there already', () => {
  expectNothingLeft();

  test.each(['getPipeSize', 'duplicate', 'watch', 'fstat', 'mmap', 'setStatusFlags'] as const)(
    '(%s) leaves none of them open, whatever was being opened (11.14)',
    async (name) => {
      const call = real[name] as (...words: unknown[]) => unknown;
      for (let first = 1; first < 4; first++) {
        let made = 0;
        const calls = callsWith({
          [name]: (...words: unknown[]) => (++made >= first ? -ENOMEM : call(...words)),
        });
        const programs = createPipePrograms(() => calls);
        const { readEnd, writeEnd } = createPipe(real);
        const opened = await Promise.allSettled([
          programs.openPipeWriter({ pipe: writeEnd }),
          programs.openPipeReader({ pipe: readEnd }),
          programs.spawnPiped('true', [], { stderr: 'pipe' }),
        ]);
        for (const result of opened) {
          if (result.status === 'fulfilled') await result.value.close();
          else expect(result.reason).toMatchObject({ code: 'SYSTEM_CALL_FAILED' });
        }
        for (const open of [programs.openPipe, programs.openSocketPair]) {
          try {
            for (const end of Object.values(await open())) end.close();
          } catch (error) {
            expect(error).toMatchObject({ code: 'SYSTEM_CALL_FAILED' });
          }
        }
        readEnd.close();
        writeEnd.close();
      }
    },
  );
});
