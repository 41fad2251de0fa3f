import { expectNothingLeft } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { seededRandom } from './support/random.js';
import { isFilled, KIB, openStage } from './support/stage.js';

describe('messages of which some lie in memory of their own', () => {
  expectNothingLeft();

  // Slot ids are used again, for slots of the pool and for memory of its own; and that begins at 0, as the pool does.
  test.each([1, 2, 3])(
    'are never taken for others that had the same slot (seed %i)',
    async (seed) => {
      const random = seededRandom(seed);
      for (let run = 0; run < 5; run++) {
        await using stage = await openStage({ poolBytes: 32 * KIB });
        const { sender, receiver } = stage;
        const held: { release(): void }[] = [];
        let sent = 0;
        for (let step = 0; step < 400; step++) {
          if (held.length > 0 && random(2) === 0) held.splice(random(held.length), 1)[0]?.release();
          const loan = sender.tryLoan(([1, 2, 2, 3][random(4)] ?? 1) * 4 * KIB);
          if (loan === undefined) continue;
          const value = sent & 255;
          loan.bytes.fill(value);
          if (loan.trySend() !== 'sent') {
            loan.release();
            await new Promise(setImmediate);
            continue;
          }
          sent++;
          const delivery = receiver.tryReceive();
          expect(isFilled(delivery?.bytes ?? new Uint8Array(1), value)).toBe(true);
          if (delivery !== undefined) held.push(delivery);
        }
        expect(sent).toBeGreaterThan(50);
        for (const delivery of held) delivery.release();
      }
    },
  );
});
