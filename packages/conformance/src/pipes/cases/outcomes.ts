import type { PipeWriter } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { expectFailure } from '../../transport/harness/expectations.js';
import { observe, turns } from '../../transport/harness/settling.js';
import { patterned } from '../../transport/peers/pattern.js';
import { digestOf, LIMIT, MIB, sha256, textOf, useGround } from '../ground.js';
import type { PipeProgramsRegistration } from '../registration.js';

/** More than any pipe takes. */
const LARGE = 3 * MIB;

/** What becomes of bytes: programs that end early, never read, or are killed. */
export function describeOutcomes(subject: PipeProgramsRegistration): void {
  describe('outcomes', () => {
    const ground = useGround(subject);

    /** A program that never reads. */
    const sleeper = (spinMicroseconds?: number) =>
      ground.spawn('sleep', ['1000'], { stdout: 'ignore', spinMicroseconds });

    /** Writes until there is no room; returns what is in the pipe or on its way there. */
    async function fill(writer: PipeWriter): Promise<number> {
      for (let byteLength = 0; ; ) {
        const loan = await writer.loan(256 * 1024, LIMIT);
        if (loan.trySend() !== 'full') {
          byteLength += loan.byteLength;
          continue;
        }
        expect(loan.owned).toBe(true);
        loan.release();
        // On a busy machine the turn may have been over before the pipe was full.
        const { bytesWritten } = writer.stats();
        await turns();
        if (writer.stats().bytesWritten === bytesWritten) return byteLength;
      }
    }

    test('a program that has read enough ends a write that is under way, and is no error', async () => {
      const { stdin, stdout, exited } = await ground.spawn('head', ['-c', '100000']);
      const bytes = patterned(LARGE, 1);
      const writing = stdin.write(bytes, LIMIT);
      expect((await digestOf(stdout)).digest).toBe(sha256(bytes.subarray(0, 100_000)));
      expect(await writing).toBe('no-receiver');
      expect(await exited).toEqual({ code: 0, signal: null });
      const { bytesWritten, bytesOut } = stdin.stats();
      expect(bytesWritten).toBeGreaterThanOrEqual(100_000);
      expect(bytesWritten).toBeLessThan(LARGE);
      expect(bytesOut).toBe(0);
      await expectFailure(() => stdin.flush(LIMIT), 'PEER_DIED');
      await stdin.close(LIMIT);
    });

    test('a program that ends without reading leaves each loan with its owner', async () => {
      const { stdin, stdout, exited } = await ground.spawn('true');
      expect(await stdout.read(LIMIT)).toBeUndefined();
      await exited;
      for (const byteLength of [0, 10, LARGE]) {
        const loan = await stdin.loan(byteLength, LIMIT);
        expect(await loan.send(LIMIT)).toBe('no-receiver');
        expect(loan.owned).toBe(true);
        expect(loan.trySend()).toBe('no-receiver');
        loan.release();
        expect(await stdin.write(new Uint8Array(byteLength), LIMIT)).toBe('no-receiver');
      }
      // Nothing was accepted, and so nothing is lost.
      await stdin.flush(LIMIT);
      expect(stdin.stats()).toMatchObject({ bytesWritten: 0, loansHeld: 0, bytesOut: 0 });
    });

    test('the next program that reads a named pipe gets what is written from then on', async () => {
      const path = ground.path();
      await (await ground.spawn('mkfifo', [path])).exited;
      const first = await ground.file(path, 'r+');
      const writer = await ground.writer({ pipe: await ground.file(path, 'w') });
      await first.close();
      expect(await writer.write(Buffer.from('nobody'), LIMIT)).toBe('no-receiver');
      const { stdout } = await ground.spawn('cat', [path], { stdin: 'ignore' });
      while ((await writer.write(Buffer.from('somebody'), LIMIT)) !== 'sent') await turns(1);
      expect((await stdout.read(LIMIT))?.copy().toString()).toBe('somebody');
    });

    test('nothing to write is sent as long as the program reads', async () => {
      const { stdin, stdout } = await ground.spawn('cat');
      expect(await stdin.write(new Uint8Array(0), LIMIT)).toBe('sent');
      const loan = await stdin.loan(0, LIMIT);
      expect(loan.trySend()).toBe('sent');
      await stdin.close(LIMIT);
      expect(await stdout.read(LIMIT)).toBeUndefined();
    });

    // With no time at all in a turn, a piece goes in with each turn, as it may on a busy machine.
    test.each([100, 0])(
      'a program that does not read fills its pipe: there is no room, and waits end in time (%i us)',
      async (spinMicroseconds) => {
        const { stdin } = await sleeper(spinMicroseconds);
        const accepted = await fill(stdin);
        expect(accepted).toBeGreaterThanOrEqual(4096);
        const loan = await stdin.loan(100_000, LIMIT);
        const late = await expectFailure(() => loan.send({ timeout: 20 }), 'TIMEOUT');
        expect(late.message).toMatch(/the pipe is full, and none of 97.7 KiB went in/);
        expect(loan.owned).toBe(true);
        await expectFailure(() => stdin.write(patterned(10, 1), { timeout: 20 }), 'TIMEOUT');
        expect(loan.trySend()).toBe('full');
        expect(stdin.stats()).toMatchObject({ loansHeld: 1 });
        expect(stdin.stats().bytesWritten).toBeLessThanOrEqual(accepted);
      },
    );

    test('a loan waits for the memory that waits for the program', async () => {
      const program = await ground.spawn('sh', ['-c', 'read line; exec cat'], { poolBytes: LARGE });
      const { stdin, stdout } = program;
      const first = await stdin.loan(LARGE, LIMIT);
      first.bytes.set(patterned(LARGE, 1));
      expect(stdin.tryLoan(1)).toBeUndefined();
      const waiting = observe(stdin.loan(1, LIMIT));
      await turns();
      expect(waiting.state()).toBe('pending');
      first.bytes[0] = 10; // The line that the shell waits for.
      expect(first.trySend()).toBe('sent');
      const arrived = digestOf(stdout);
      (await waiting.promise).release();
      await stdin.close(LIMIT);
      expect((await arrived).byteLength).toBe(LARGE - 1);
    });

    test('a program that is killed ends a write, a flush and a read that wait', async () => {
      const { stdin, stdout, child, exited } = await ground.spawn('sleep', ['1000']);
      const writing = observe(stdin.write(patterned(LARGE, 1), LIMIT));
      await turns();
      const flushing = expectFailure(() => stdin.flush(LIMIT), 'PEER_DIED');
      const reading = stdout.read(LIMIT);
      await turns();
      expect(writing.state()).toBe('pending');
      child.kill('SIGKILL');
      expect(await writing.promise).toBe('no-receiver');
      const { bytesTransferred } = await flushing;
      expect(bytesTransferred).toBe(stdin.stats().bytesWritten);
      expect(await reading).toBeUndefined();
      expect(await exited).toEqual({ code: null, signal: 'SIGKILL' });
      expect(await stdin.write(patterned(1, 1), LIMIT)).toBe('no-receiver');
    });

    test('what a program had written before it died is read, then comes the end', async () => {
      const { stdout, exited } = await ground.spawn('sh', ['-c', 'echo last words; kill -9 $$']);
      expect(await textOf(stdout)).toBe('last words\n');
      expect(await exited).toEqual({ code: null, signal: 'SIGKILL' });
    });

    test('programs that are killed at any moment cause no exception that nobody catches', async () => {
      const bytes = patterned(MIB, 3);
      for (let round = 0; round < 15; round++) {
        const program = await ground.spawn('cat');
        const { stdin, stdout, child, exited } = program;
        const writing = (async () => {
          while ((await stdin.write(bytes, LIMIT)) === 'sent');
        })();
        const reading = digestOf(stdout);
        await turns(round);
        child.kill('SIGKILL');
        await writing;
        const { byteLength, digest } = await reading;
        const expected = Buffer.alloc(byteLength);
        for (let at = 0; at < byteLength; at += MIB) bytes.copy(expected, at);
        expect(digest).toBe(sha256(expected));
        expect(await exited).toEqual({ code: null, signal: 'SIGKILL' });
        await program.close();
      }
    });
  });
}
