import { describe, expect, test } from 'vitest';
import { expectFailure } from '../../transport/harness/expectations.js';
import { turns } from '../../transport/harness/settling.js';
import { patterned } from '../../transport/peers/pattern.js';
import { digestOf, LIMIT, MIB, sha256, useGround } from '../ground.js';
import type { PipeProgramsRegistration } from '../registration.js';

/** Reads fits and starts, so that its pipe is full at most moments. */
const IN_FITS = 'while head -c 200000 | grep -c "" >/dev/null; do :; done';

/** Signals and time limits lose nothing. */
export function describeAborts(subject: PipeProgramsRegistration): void {
  describe('calls that are given up', () => {
    const ground = useGround(subject);

    /** A signal that fires in the turn after `count` others. */
    function afterTurns(count: number): AbortSignal {
      const controller = new AbortController();
      void turns(count).then(() => controller.abort(new Error('enough')));
      return controller.signal;
    }

    test('of a write put all of the bytes into the pipe or none, as the loan tells', async () => {
      const { stdin, stdout } = await ground.spawn('cat', [], { poolBytes: 8 * MIB });
      const accepted: Buffer[] = [];
      let aborted = 0;
      let kept = 0;
      const arriving = (async () => {
        const pieces: Buffer[] = [];
        // Takes some turns between two reads: the pipe is full at most moments.
        for (;;) {
          await turns(3);
          const chunk = await stdout.read({ maxBytes: 50_000, ...LIMIT });
          if (chunk === undefined) return Buffer.concat(pieces);
          pieces.push(chunk.copy());
          chunk.release();
        }
      })();
      for (let number = 0; number < 120; number++) {
        const bytes = patterned(1 + ((number * 7919) % 150_000), number);
        const loan = await stdin.loan(bytes.length, LIMIT);
        loan.bytes.set(bytes);
        try {
          expect(await loan.send({ signal: afterTurns(number % 5) })).toBe('sent');
        } catch (error) {
          expect(error).toMatchObject({ code: 'ABORTED', cause: { message: 'enough' } });
          aborted++;
        }
        if (loan.owned) {
          kept++;
          loan.release();
        } else {
          accepted.push(bytes);
        }
      }
      await stdin.flush(LIMIT);
      await stdin.close(LIMIT);
      expect(sha256(await arriving)).toBe(sha256(...accepted));
      expect(stdin.stats().bytesWritten).toBe(Buffer.concat(accepted).length);
      // Both kinds were there, or the test has shown nothing.
      expect(aborted).toBeGreaterThan(kept);
      expect(kept).toBeGreaterThan(0);
    });

    test('of a read and of a spliceTo leave every byte for the next', async () => {
      const bytes = patterned(2 * MIB, 4);
      const { stdin, stdout } = await ground.spawn('dd', ['bs=9999', 'status=none']);
      const path = ground.path();
      const file = await ground.file(path, 'w+');
      const writing = stdin.write(bytes, LIMIT).then(() => stdin.close(LIMIT));
      let moved = 0;
      let failures = 0;
      for (let round = 0; !stdout.ended; round++) {
        const signal = afterTurns(round % 4);
        try {
          if (round % 3 === 0) {
            const result = await stdout.spliceTo(file, { signal });
            moved += result?.byteLength ?? 0;
          } else {
            const chunk = await stdout.read({ signal, maxBytes: 20_000 });
            if (chunk === undefined) continue;
            await file.writeFile(chunk.bytes);
            moved += chunk.byteLength;
            chunk.release();
          }
        } catch (error) {
          expect(error).toMatchObject({ code: 'ABORTED' });
          failures++;
        }
      }
      await writing;
      expect(failures).toBeGreaterThan(0);
      expect(stdout.stats().bytesRead).toBe(bytes.length);
      expect(moved).toBeLessThanOrEqual(bytes.length);
      expect(sha256(await (await ground.file(path, 'r')).readFile())).toBe(sha256(bytes));
    });

    test('end at their time, and the next ones are served', async () => {
      const { stdin, stdout } = await ground.spawn('cat');
      const nothing = await ground.file('/dev/null', 'w');
      for (const call of [
        () => stdout.read({ timeout: 5 }),
        () => stdout.spliceTo(nothing, { timeout: 5 }),
      ]) {
        const { message } = await expectFailure(call, 'TIMEOUT');
        expect(message).toMatch(/the program/);
      }
      // One that waits its turn leaves the line; those behind it move up.
      const first = stdout.read(LIMIT);
      await expectFailure(() => stdout.read({ timeout: 5 }), 'TIMEOUT');
      const third = stdout.read(LIMIT);
      await stdin.write(Buffer.from('a'), LIMIT);
      expect((await first)?.copy().toString()).toBe('a');
      await stdin.write(Buffer.from('b'), LIMIT);
      expect((await third)?.copy().toString()).toBe('b');
    });

    test('by a signal that has fired already do nothing', async () => {
      const { stdin, stdout } = await ground.spawn('cat');
      const signal = AbortSignal.abort('too late');
      const nothing = await ground.file('/dev/null', 'w');
      await stdin.write(Buffer.from('here'), LIMIT);
      const loan = await stdin.loan(1, LIMIT);
      for (const call of [
        () => stdin.loan(1, { signal }),
        () => loan.send({ signal }),
        () => stdin.write(Buffer.from('gone'), { signal }),
        () => stdin.flush({ signal }),
        () => stdout.read({ signal }),
        () => stdout.spliceTo(nothing, { signal }),
        () => subject.spawnPiped('cat', [], { signal }),
      ]) {
        expect(await expectFailure(call, 'ABORTED')).toMatchObject({ cause: 'too late' });
      }
      expect(loan.owned).toBe(true);
      await stdin.close(LIMIT);
      expect((await digestOf(stdout)).digest).toBe(sha256(Buffer.from('here')));
    });

    test('of a close throw away what the program does not take', async () => {
      const { stdin, stdout, child } = await ground.spawn('sh', ['-c', 'read line; cat']);
      const loan = await stdin.loan(3 * MIB, LIMIT);
      loan.bytes.fill(10);
      child.kill('SIGSTOP');
      expect(loan.trySend()).toBe('sent');
      const late = await expectFailure(() => stdin.close({ timeout: 20 }), 'TIMEOUT');
      expect(late.message).toMatch(/what waits for the program to read: [12](\.\d)? MiB/);
      expect(stdin.closed).toBe(true);
      child.kill('SIGCONT');
      const { byteLength } = await digestOf(stdout);
      expect(byteLength).toBe(stdin.stats().bytesWritten - 1);
    });

    test('and repeated go through to a program that reads in fits and starts', async () => {
      const { stdin, exited } = await ground.spawn('sh', ['-c', `${IN_FITS}; exit 3`], {
        stdout: 'ignore',
      });
      for (let number = 0; number < 20; number++) {
        const loan = await stdin.loan(100_000, LIMIT);
        loan.bytes.fill(number);
        while (loan.owned) {
          await loan.send({ timeout: 1 }).catch((error) => {
            expect(error).toMatchObject({ code: 'TIMEOUT' });
          });
        }
      }
      await stdin.close(LIMIT);
      expect(stdin.stats().bytesWritten).toBe(2_000_000);
      expect((await exited).code).toBe(3);
    });
  });
}
