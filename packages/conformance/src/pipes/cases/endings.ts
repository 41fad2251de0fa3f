import { createHook } from 'node:async_hooks';
import { describe, expect, test } from 'vitest';
import { expectFailure } from '../../transport/harness/expectations.js';
import { observe, turns } from '../../transport/harness/settling.js';
import { patterned } from '../../transport/peers/pattern.js';
import { digestOf, LIMIT, MIB, sha256, useGround } from '../ground.js';
import type { PipeProgramsRegistration } from '../registration.js';

/** A writer or reader is closed, at every moment. */
export function describeEndings(subject: PipeProgramsRegistration): void {
  describe('endings', () => {
    const ground = useGround(subject);

    test('a writer that is closed lets all go in first, whether or not somebody waits', async () => {
      const { stdin, stdout } = await ground.spawn('cat');
      const bytes = patterned(3 * MIB, 1);
      const loan = await stdin.loan(bytes.length, LIMIT);
      loan.bytes.set(bytes);
      expect(loan.trySend()).toBe('sent');
      const closing = stdin.close(LIMIT);
      expect(stdin.closed).toBe(true);
      expect(stdin.close()).toBeInstanceOf(Promise);
      expect((await digestOf(stdout)).digest).toBe(sha256(bytes));
      await closing;
    });

    test('a writer that is closed takes nothing more, and what waits learns of it', async () => {
      const { stdin } = await ground.spawn('sleep', ['1000'], { poolBytes: 8 * MIB });
      const held = await stdin.loan(4096, LIMIT);
      const large = await stdin.loan(3 * MIB, LIMIT);
      expect(large.trySend()).toBe('sent');
      const waiting = [
        stdin.loan(6 * MIB, LIMIT),
        stdin.write(patterned(10, 1), LIMIT),
        held.send(LIMIT),
      ].map((promise) => expectFailure(() => promise, 'CLOSED'));
      await turns();
      const closing = observe(stdin.close());
      await Promise.all(waiting);
      expect(closing.state()).toBe('pending');
      expect(held.owned).toBe(false);
      await stdin.destroy();
      await closing.promise;
      for (const call of [
        () => stdin.loan(1),
        () => stdin.tryLoan(1),
        () => stdin.write(patterned(1, 1)),
        () => stdin.flush(),
        () => held.bytes,
        () => held.send(),
        () => held.trySend(),
      ]) {
        await expectFailure(call, 'CLOSED');
      }
      held.release();
      expect(stdin.stats()).toMatchObject({ loansHeld: 0, bytesOut: 0 });
      await stdin.close();
      await stdin.destroy();
    });

    test('a writer that is destroyed in the middle has given what was in the pipe', async () => {
      for (let round = 0; round < 10; round++) {
        const { stdin, stdout } = await ground.spawn('cat');
        const bytes = patterned(3 * MIB, round);
        const writing = stdin.write(bytes, LIMIT).then(
          (outcome) => outcome,
          (error) => error.code,
        );
        const arrived = digestOf(stdout);
        await turns(round);
        await stdin.destroy();
        expect(['sent', 'CLOSED']).toContain(await writing);
        const { bytesWritten } = stdin.stats();
        expect(await arrived).toEqual({
          byteLength: bytesWritten,
          digest: sha256(bytes.subarray(0, bytesWritten)),
        });
      }
    });

    test('a program sees the end of its input once everybody has closed the pipe', async () => {
      const { readEnd, writeEnd } = ground.pipe();
      const { stdout } = await ground.spawn('cat', [], { stdin: readEnd });
      readEnd.close();
      const writer = await ground.writer({ pipe: writeEnd });
      await writer.write(Buffer.from('first, '), LIMIT);
      await writer.close(LIMIT);
      const second = await ground.writer({ pipe: writeEnd.fd });
      // Works on a duplicate: whatever this number stands for from now on.
      writeEnd.close();
      const other = ground.pipe();
      await second.write(Buffer.from('second'), LIMIT);
      const ended = observe(digestOf(stdout));
      await turns();
      expect(ended.state()).toBe('pending');
      await second.close(LIMIT);
      expect((await ended.promise).digest).toBe(sha256(Buffer.from('first, second')));
      other.readEnd.close();
    });

    test('a reader goes on when its opener closes the end, whoever gets the number then', async () => {
      const { readEnd, writeEnd } = ground.pipe();
      const reader = await ground.reader({ pipe: readEnd });
      const waiting = reader.read(LIMIT);
      readEnd.close();
      const other = ground.pipe();
      const writer = await ground.writer({ pipe: writeEnd });
      const wrong = await ground.writer({ pipe: other.writeEnd });
      await wrong.write(Buffer.from('wrong'), LIMIT);
      await writer.write(Buffer.from('right'), LIMIT);
      expect((await waiting)?.copy().toString()).toBe('right');
      await writer.close(LIMIT);
      writeEnd.close();
      expect(await reader.read(LIMIT)).toBeUndefined();
    });

    test('a reader that is closed ends what waits, and releases what is held', async () => {
      const { stdin, stdout } = await ground.spawn('cat');
      const nothing = await ground.file('/dev/null', 'w');
      await stdin.write(Buffer.from('held'), LIMIT);
      const chunk = await stdout.read(LIMIT);
      const waiting = [stdout.read(LIMIT), stdout.spliceTo(nothing, LIMIT)].map((promise) =>
        expectFailure(() => promise, 'CLOSED'),
      );
      await turns();
      await stdout.close();
      await Promise.all(waiting);
      expect(stdout.closed).toBe(true);
      expect(chunk?.released).toBe(true);
      chunk?.release();
      await expectFailure(() => chunk?.bytes, 'DELIVERY_RELEASED');
      for (const call of [
        () => stdout.read(),
        () => stdout.tryRead(),
        () => stdout.spliceTo(nothing),
        () => stdout[Symbol.asyncIterator]().next(),
      ]) {
        await expectFailure(call, 'CLOSED');
      }
      expect(stdout.stats()).toEqual({ bytesRead: 4, chunksHeld: 0, bytesHeld: 0 });
      await stdout.close();
    });

    test('a reader that is closed while it waits for a destination ends that', async () => {
      const { stdout } = await ground.spawn('cat', ['/dev/zero'], { stdin: 'ignore' });
      const { writeEnd } = ground.pipe();
      // Nobody reads there: it fills up.
      const moving = (async () => {
        for (;;) await stdout.spliceTo(writeEnd);
      })();
      const failed = expectFailure(() => moving, 'CLOSED');
      await turns(50);
      await stdout.close();
      await failed;
    });

    test('a program whose output is closed learns of it when it writes', async () => {
      for (let round = 0; round < 5; round++) {
        const { stdout, exited } = await ground.spawn('cat', ['/dev/zero'], { stdin: 'ignore' });
        const nothing = await ground.file('/dev/null', 'w');
        const path = ground.path();
        const file = await ground.file(path, 'w');
        const moving = (async () => {
          for (;;) await stdout.spliceTo(round % 2 === 0 ? nothing : file);
        })();
        const failed = expectFailure(() => moving, 'CLOSED');
        await turns(round * 3);
        await stdout.close();
        await failed;
        expect(await exited).toEqual({ code: null, signal: 'SIGPIPE' });
      }
    });

    test('both are known to tools by their names, until they are over', async () => {
      const made = new Map<number, string>();
      const hook = createHook({
        init: (id, type) => {
          if (type.startsWith('pageferry:Pipe')) made.set(id, type);
        },
        destroy: (id) => made.delete(id),
      }).enable();
      ground.defer(() => hook.disable());
      const { stdin, stdout } = await ground.spawn('cat');
      expect([...made.values()].toSorted()).toEqual([
        'pageferry:PipeReader',
        'pageferry:PipeWriter',
      ]);
      await stdin.close(LIMIT);
      expect(await stdout.read(LIMIT)).toBeUndefined();
      while (made.size > 0) await turns(1);
    });

    test('both may be disposed of where they were made', async () => {
      const { readEnd, writeEnd } = ground.pipe();
      {
        await using writer = await subject.openPipeWriter({ pipe: writeEnd });
        await using reader = await subject.openPipeReader({ pipe: readEnd });
        await writer.write(Buffer.from('x'), LIMIT);
        using chunk = await reader.read(LIMIT);
        expect(chunk?.byteLength).toBe(1);
      }
      // Theirs are closed, ours are not.
      const reader = await ground.reader({ pipe: readEnd });
      writeEnd.close();
      expect(await reader.read(LIMIT)).toBeUndefined();
    });
  });
}
