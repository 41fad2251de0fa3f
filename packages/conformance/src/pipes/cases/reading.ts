import { describe, expect, test } from 'vitest';
import { expectFailure } from '../../transport/harness/expectations.js';
import { observe, turns } from '../../transport/harness/settling.js';
import { digestOf, KIB, LIMIT, sha256, textOf, useGround } from '../ground.js';
import type { PipeProgramsRegistration } from '../registration.js';

/** What `seq` prints. */
function numbers(last: number): Buffer {
  return Buffer.from(Array.from({ length: last }, (_, index) => `${index + 1}\n`).join(''));
}

/** Chunks, and who owns them. */
export function describeReading(subject: PipeProgramsRegistration): void {
  describe('reading', () => {
    const ground = useGround(subject);

    test('a program that is only read gets no input', async () => {
      const { stdin, stdout, exited } = await ground.spawn('cat', [], { stdin: 'ignore' });
      expect(stdin).toBeUndefined();
      expect(await textOf(stdout)).toBe('');
      expect(await exited).toEqual({ code: 0, signal: null });
    });

    test('all that a program prints comes, and then the end, for ever', async () => {
      const { stdout } = await ground.spawn('seq', ['300000'], { stdin: 'ignore' });
      expect((await digestOf(stdout)).digest).toBe(sha256(numbers(300_000)));
      for (let time = 0; time < 2; time++) {
        expect(await stdout.read(LIMIT)).toBeUndefined();
        expect(stdout.tryRead()).toBeUndefined();
      }
    });

    test('no chunk has more bytes than were asked for', async () => {
      const { stdout } = await ground.spawn('seq', ['30000'], { stdin: 'ignore' });
      const pieces: Buffer[] = [];
      for (let most = 1; ; most = (most * 7) % 5003) {
        const chunk = await stdout.read({ maxBytes: most, ...LIMIT });
        if (chunk === undefined) break;
        expect(chunk.byteLength).toBeGreaterThan(0);
        expect(chunk.byteLength).toBeLessThanOrEqual(most);
        pieces.push(chunk.copy());
        chunk.release();
      }
      expect(sha256(...pieces)).toBe(sha256(numbers(30_000)));
    });

    test('a look takes what is there, and does not overtake a read that waits', async () => {
      const { stdin, stdout } = await ground.spawn('cat');
      expect(stdout.tryRead()).toBeUndefined();
      expect(stdout.ended).toBe(false);
      const waiting = stdout.read(LIMIT);
      expect(stdout.tryRead()).toBeUndefined();
      await stdin.write(Buffer.from('first'), LIMIT);
      expect((await waiting)?.copy().toString()).toBe('first');
      await stdin.write(Buffer.from('second'), LIMIT);
      await stdin.close(LIMIT);
      let text = '';
      while (!stdout.ended) {
        const chunk = stdout.tryRead({ maxBytes: 4 });
        if (chunk === undefined) await turns(1);
        text += chunk?.copy().toString() ?? '';
        chunk?.release();
      }
      expect(text).toBe('second');
    });

    test('reads that wait are served in the order of their calls', async () => {
      const { stdin, stdout } = await ground.spawn('cat');
      const reads = [1, 2, 3, 4].map((maxBytes) => stdout.read({ maxBytes, ...LIMIT }));
      await stdin.write(Buffer.from('abbcccdddd'), LIMIT);
      const texts = (await Promise.all(reads)).map((chunk) => chunk?.copy().toString());
      expect(texts).toEqual(['a', 'bb', 'ccc', 'dddd']);
    });

    test('a chunk is its holder’s until the last release', async () => {
      const { stdin, stdout } = await ground.spawn('cat');
      await stdin.write(Buffer.from('mine'), LIMIT);
      const chunk = await stdout.read(LIMIT);
      if (chunk === undefined) throw new Error('there is no chunk');
      expect(stdout.stats()).toEqual({ bytesRead: 4, chunksHeld: 1, bytesHeld: 4 });
      expect(chunk.retain()).toBe(chunk);
      chunk.release();
      expect(chunk.released).toBe(false);
      expect(Buffer.from(chunk.bytes).toString()).toBe('mine');
      const copy = chunk.copy();
      chunk.release();
      chunk.release();
      expect(chunk.released).toBe(true);
      expect(chunk.byteLength).toBe(4);
      await expectFailure(() => chunk.bytes, 'DELIVERY_RELEASED');
      await expectFailure(() => chunk.copy(), 'DELIVERY_RELEASED');
      await expectFailure(() => chunk.retain(), 'DELIVERY_RELEASED');
      expect(copy.toString()).toBe('mine');
      expect(stdout.stats()).toEqual({ bytesRead: 4, chunksHeld: 0, bytesHeld: 0 });
    });

    test('chunks that are held keep their bytes while others come', async () => {
      const { stdout } = await ground.spawn('seq', ['100000'], { stdin: 'ignore' });
      const held = [];
      for await (const chunk of stdout) held.push(chunk);
      expect(held.length).toBeGreaterThan(1);
      expect(sha256(...held.map(({ bytes }) => bytes))).toBe(sha256(numbers(100_000)));
      for (const chunk of held) chunk.release();
    });

    test('who holds all that may be held waits for a release', async () => {
      const { stdout } = await ground.spawn('seq', ['300000'], {
        stdin: 'ignore',
        maxBorrowedBytes: 300 * KIB,
      });
      const first = await stdout.read(LIMIT);
      const late = await expectFailure(() => stdout.read({ timeout: 20 }), 'TIMEOUT');
      expect(late.message).toMatch(/holds 1 chunk \(.*\) unreleased: all it may/);
      expect(stdout.tryRead()).toBeUndefined();
      const waiting = observe(stdout.read(LIMIT));
      await turns();
      expect(waiting.state()).toBe('pending');
      first?.release();
      const second = await waiting.promise;
      expect(second?.offset).toBe(first?.byteLength);
      second?.release();
    });

    test('a loop that was left goes on where it stopped', async () => {
      const { stdout } = await ground.spawn('seq', ['100000'], { stdin: 'ignore' });
      const pieces: Buffer[] = [];
      for (let loop = 0; !stdout.ended; loop++) {
        let count = 0;
        for await (const chunk of stdout) {
          pieces.push(chunk.copy());
          chunk.release();
          if (++count > loop) break;
        }
      }
      expect(sha256(...pieces)).toBe(sha256(numbers(100_000)));
    });
  });
}
