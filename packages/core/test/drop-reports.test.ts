import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeReceiver } from './support/fake-receiver.js';
import { FakeSender } from './support/fake-sender.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('a loan or delivery that nobody holds any more', () => {
  let warnings: (Error & { code?: string })[];
  const listen = (warning: Error): void => void warnings.push(warning);

  beforeEach(() => {
    warnings = [];
    process.on('warning', listen);
  });

  afterEach(() => void process.off('warning', listen));

  /** Collects garbage until `condition` holds, or so many turns have passed. */
  async function collectUntil(condition: () => boolean, most = Number.POSITIVE_INFINITY) {
    for (let turns = 0; turns < most && !condition(); turns++) {
      await turn();
      collectGarbage();
    }
  }

  test('is reported, with its length', async () => {
    const sender = new FakeSender();
    (() => void sender.tryLoan(123))();
    await collectUntil(() => warnings.length > 0);
    expect(warnings[0]).toMatchObject({ name: 'PageferryWarning', code: 'PAGEFERRY_LOAN_DROPPED' });
    expect(warnings[0]?.message).toContain('123 bytes');
    expect(sender.stats().loansHeld).toBe(1);
  });

  test('is reported on the receiving side too', async () => {
    const receiver = new FakeReceiver();
    receiver.arrive(7);
    (() => void receiver.tryReceive())();
    await collectUntil(() => warnings.length > 0);
    expect(warnings[0]).toMatchObject({ code: 'PAGEFERRY_DELIVERY_DROPPED' });
  });

  test('is reported less and less often, with the count', async () => {
    const sender = new FakeSender();
    for (let round = 0; round < 9; round++) {
      (() => void sender.tryLoan(1))();
      await collectUntil(() => false, 3);
    }
    expect(warnings.map(({ message }) => /\((\d+) of them/.exec(message)?.[1])).toEqual([
      undefined,
      '2',
      '4',
      '8',
    ]);
  });

  test('is reported together with others of the same turn, all of them', async () => {
    const sender = new FakeSender();
    (() => {
      for (let count = 0; count < 2000; count++) sender.tryLoan(1);
    })();
    const total = (): number =>
      Math.max(...warnings.map(({ message }) => Number(/\((\d+) of them/.exec(message)?.[1] ?? 0)));
    await collectUntil(() => total() >= 1024);
    expect(warnings.at(-1)?.message).toMatch(/^64 loans, 64 bytes, were dropped .*: their memory/);
    expect(warnings.length).toBeLessThan(8);
  });

  test('is reported as the rest of a batch of which some were given back', async () => {
    const sender = new FakeSender();
    (() => {
      sender.tryLoan(5)?.release();
      const loan = sender.tryLoan(100);
      loan?.truncate(40);
      sender.tryLoan(7)?.release();
    })();
    await collectUntil(() => warnings.length > 0);
    expect(warnings[0]?.message).toContain('a loan of 40 bytes was dropped');
  });

  test('is reported once nothing else of its turn is kept, and not what was kept', async () => {
    const sender = new FakeSender();
    await (async () => {
      const kept = (() => {
        sender.tryLoan(3);
        return sender.tryLoan(4);
      })();
      await collectUntil(() => false, 5);
      expect(warnings).toEqual([]);
      kept?.release();
    })();
    await collectUntil(() => warnings.length > 0);
    expect(warnings[0]?.message).toContain('a loan of 3 bytes was dropped');
  });

  test('is not reported if it was given back, early or late', async () => {
    const sender = new FakeSender();
    await (async () => {
      for (let count = 0; count < 3000; count++) sender.tryLoan(1)?.release();
      const late = Array.from({ length: 10 }, () => sender.tryLoan(1));
      await collectUntil(() => false, 3);
      for (const loan of late) loan?.release();
    })();
    await collectUntil(() => false, 10);
    expect(warnings).toEqual([]);
  });

  test('is not reported once its owner is closed', async () => {
    const sender = new FakeSender();
    (() => void sender.tryLoan(5))();
    await sender.destroy();
    await collectUntil(() => false, 10);
    expect(warnings).toEqual([]);
  });
});
