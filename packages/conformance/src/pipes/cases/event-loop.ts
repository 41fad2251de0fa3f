import { describe, expect, test } from 'vitest';
import { patterned } from '../../transport/peers/pattern.js';
import { LIMIT, MIB, useGround } from '../ground.js';
import type { PipeProgramsRegistration } from '../registration.js';

const MANY = 5_000;

/** A loop over pipes that are always ready leaves the rest of the program its turns. */
export function describeEventLoop(subject: PipeProgramsRegistration): void {
  describe('event loop', () => {
    const ground = useGround(subject);

    /** How many immediates and timers get their turn while `work` runs. */
    async function turnsDuring(work: () => Promise<unknown>) {
      const count = { immediates: 0, timers: 0 };
      let running = true;
      const onImmediate = (): void => {
        count.immediates++;
        if (running) setImmediate(onImmediate);
      };
      const timer = setInterval(() => count.timers++);
      setImmediate(onImmediate);
      try {
        await work();
      } finally {
        running = false;
        clearInterval(timer);
      }
      return count;
    }

    function expectTurns({ immediates, timers }: { immediates: number; timers: number }): void {
      expect(immediates).toBeGreaterThan(1);
      expect(timers).toBeGreaterThan(0);
    }

    test('has its turns during a tight loop of writes', async () => {
      const { stdin, exited } = await ground.spawn('cat', [], { stdout: 'ignore' });
      const bytes = patterned(8, 1);
      expectTurns(
        await turnsDuring(async () => {
          for (let number = 0; number < MANY; number++) {
            if ((await stdin.write(bytes)) !== 'sent') throw new Error('nobody reads');
          }
        }),
      );
      await stdin.close(LIMIT);
      expect((await exited).code).toBe(0);
    });

    test('has its turns during a tight loop of reads, and of spliceTo', async () => {
      const nothing = await ground.file('/dev/null', 'w');
      for (const how of ['read', 'spliceTo'] as const) {
        const { stdout } = await ground.spawn('cat', ['/dev/zero'], { stdin: 'ignore' });
        expectTurns(
          await turnsDuring(async () => {
            for (let number = 0; number < MANY; number++) {
              if (how === 'read') (await stdout.read({ maxBytes: 64 }))?.release();
              else await stdout.spliceTo(nothing, { maxBytes: 64 });
            }
          }),
        );
        expect(stdout.stats().bytesRead).toBe(MANY * 64);
      }
    });

    test('has its turns while a large loan goes in', async () => {
      const { stdin, exited } = await ground.spawn('cat', [], { stdout: 'ignore' });
      const loan = await stdin.loan(128 * MIB, LIMIT);
      const { immediates } = await turnsDuring(() => loan.send(LIMIT));
      expect(immediates).toBeGreaterThan(1);
      await stdin.close(LIMIT);
      expect((await exited).code).toBe(0);
    });

    test('is all there is where nothing polls', async () => {
      const still = { spinMicroseconds: 0 };
      const { stdin, stdout } = await ground.spawn('cat', [], still);
      for (let number = 0; number < 200; number++) {
        const [outcome, chunk] = await Promise.all([
          stdin.write(Buffer.from([number]), LIMIT),
          stdout.read(LIMIT),
        ]);
        expect(outcome).toBe('sent');
        expect(chunk?.bytes[0]).toBe(number);
        chunk?.release();
      }
    });
  });
}
