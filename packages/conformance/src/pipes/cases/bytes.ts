import { describe, expect, test } from 'vitest';
import { patterned } from '../../transport/peers/pattern.js';
import { digestOf, KIB, LIMIT, MIB, sha256, textOf, useGround } from '../ground.js';
import type { PipeProgramsRegistration } from '../registration.js';

/** Around pages and pipes, and more than any pipe takes. */
const SIZES = [0, 1, 4095, 4096, 4097, 64 * KIB, 100_000, MIB - 1, MIB, MIB + 1, 3_000_000];

/** Every byte, once, in order. */
export function describeBytes(subject: PipeProgramsRegistration): void {
  describe('bytes', () => {
    const ground = useGround(subject);

    test.each([undefined, 100_000])(
      'come back from `cat` as they were written, whatever the sizes (a pool of %s bytes)',
      async (poolBytes) => {
        const { stdin, stdout, exited } = await ground.spawn('cat', [], { poolBytes });
        const messages = SIZES.map((size, number) => patterned(size, number));
        const all = Buffer.concat(messages);
        const arrived = digestOf(stdout);
        for (const message of messages) expect(await stdin.write(message, LIMIT)).toBe('sent');
        await stdin.close(LIMIT);
        expect(await arrived).toEqual({ byteLength: all.length, digest: sha256(all) });
        expect(await exited).toEqual({ code: 0, signal: null });
        expect(stdin.stats().bytesWritten).toBe(all.length);
        expect(stdout.stats()).toEqual({ bytesRead: all.length, chunksHeld: 0, bytesHeld: 0 });
      },
    );

    test('of loans are those that `sha256sum` has read, memory used many times over', async () => {
      const { stdin, stdout } = await ground.spawn('sha256sum', [], { poolBytes: MIB });
      const messages = Array.from({ length: 60 }, (_, number) =>
        patterned(1 + number * 12_345, number),
      );
      for (const message of messages) {
        const loan = await stdin.loan(message.length + 7, LIMIT);
        loan.bytes.set(message);
        loan.truncate(message.length);
        expect(await loan.send(LIMIT)).toBe('sent');
        expect(loan.owned).toBe(false);
      }
      await stdin.close(LIMIT);
      expect(await textOf(stdout)).toBe(`${sha256(...messages)}  -\n`);
    });

    test('that the program has not read yet are never changed', async () => {
      const { readEnd, writeEnd } = ground.pipe();
      const writer = await ground.writer({ pipe: writeEnd });
      // Nobody reads yet: the pipe holds both, and the second loan may get the same address.
      const written = [patterned(5000, 1), patterned(5000, 2)] as const;
      for (const bytes of written) expect(await writer.write(bytes, LIMIT)).toBe('sent');
      (await writer.loan(5000, LIMIT)).bytes.fill(255);
      const { stdout } = await ground.spawn('cat', [], { stdin: readEnd });
      readEnd.close();
      writeEnd.close();
      await writer.destroy();
      expect((await digestOf(stdout)).digest).toBe(sha256(...written));
    });

    test('are taken out of any view of memory, as they are at the call', async () => {
      const { stdin, stdout } = await ground.spawn('cat');
      const buffer = patterned(800, 1).buffer.slice(0, 800);
      const views = [
        new Float64Array(buffer, 8, 4),
        new DataView(buffer, 3, 30),
        new Uint16Array(buffer, 2, 5),
        Buffer.from(buffer, 100, 11),
      ];
      for (const view of views) expect(await stdin.write(view, LIMIT)).toBe('sent');
      await stdin.close(LIMIT);
      const parts = views.map((view) => Buffer.from(buffer, view.byteOffset, view.byteLength));
      expect((await digestOf(stdout)).digest).toBe(sha256(...parts));
    });

    test.each([
      ['a few at a time', 'dd', ['bs=777', 'status=none']],
      ['by a shell that stops in between', 'sh', ['-c', 'head -c 100000; sleep 0.2; cat']],
    ])('arrive whole where the program reads them slowly (%s)', async (_how, command, args) => {
      const { stdin, stdout } = await ground.spawn(command, args);
      const bytes = patterned(2 * MIB, 5);
      const arrived = digestOf(stdout);
      expect(await stdin.write(bytes, LIMIT)).toBe('sent');
      await stdin.close(LIMIT);
      expect(await arrived).toEqual({ byteLength: bytes.length, digest: sha256(bytes) });
    });

    test('of calls that were made at once are in the order of the calls', async () => {
      const { stdin, stdout } = await ground.spawn('cat');
      // Large ones are copied in pieces: a small one must not overtake them.
      const messages = [3_000_000, 1, 700_000, 5, 0, 1_500_000, 2].map((size, number) =>
        patterned(size, number),
      );
      const writing = Promise.all(messages.map((message) => stdin.write(message, LIMIT)));
      const arrived = digestOf(stdout);
      expect(await writing).toEqual(messages.map(() => 'sent'));
      await stdin.close(LIMIT);
      expect((await arrived).digest).toBe(sha256(...messages));
    });

    test('go through several programs, by reference from one to the next', async () => {
      const first = await ground.spawn('cat');
      const second = await ground.spawn('sha256sum', [], { stdin: 'pipe' });
      const bytes = patterned(3 * MIB, 9);
      const writing = first.stdin.write(bytes, LIMIT).then(() => first.stdin.close(LIMIT));
      for await (using chunk of first.stdout) {
        expect(await second.stdin.write(chunk.bytes, LIMIT)).toBe('sent');
      }
      await writing;
      await second.stdin.close(LIMIT);
      expect(await textOf(second.stdout)).toBe(`${sha256(bytes)}  -\n`);
    });
  });
}
