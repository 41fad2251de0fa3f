import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { hasNatsServer } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { lengthOf, planOf } from '../dist/killing/plan.js';
import { isWhole, write } from '../dist/message.js';

const main = new URL('../dist/main.js', import.meta.url).pathname;

describe('a plan', () => {
  test('is the same for the same seed, and another one for another seed or round', () => {
    const plans = [planOf(1, 'socket', 'channel', 0), planOf(1, 'socket', 'channel', 0)];
    expect(plans[0]).toEqual(plans[1]);
    const others = [planOf(2, 'socket', 'channel', 0), planOf(1, 'socket', 'channel', 1)];
    expect(new Set([plans[0], ...others].map((plan) => plan?.lengths)).size).toBe(3);
  });

  test('comes to every point in some rounds', () => {
    const plans = Array.from({ length: 300 }, (_, round) =>
      planOf(1, 'shared-mmap', 'publish', round),
    );
    expect([...new Set(plans.map(({ point }) => point))].sort()).toEqual([
      ...['busy', 'closing', 'growing', 'handshake', 'history', 'holding', 'large', 'own-memory'],
      'parked',
    ]);
    const large = plans.find(({ point }) => point === 'large') as (typeof plans)[number];
    expect(lengthOf(large, 1)).toBeGreaterThan(1024 * 1024);
  });
});

describe('a message', () => {
  test.each([0, 5, 100, 5000, 100_000])('of %i bytes is whole as it was written', (length) => {
    const bytes = new Uint8Array(length);
    write(bytes, 7);
    expect(isWhole(bytes, 7)).toBe(true);
  });

  test.each([0, 40, 4000, 99_999])('is not once byte %i has changed', (at) => {
    const bytes = new Uint8Array(100_000);
    write(bytes, 7);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    expect(isWhole(bytes, 7)).toBe(false);
    expect(isWhole(bytes, 8)).toBe(false);
  });
});

describe('killing, a few rounds of each pattern', () => {
  test.each(['shared-mmap', 'socket'])('over %s finds no fault', async (backend) => {
    const words = ['--seed', '54', '--rounds', '3', '--backend', backend, '--json'];
    const { stdout } = await promisify(execFile)(process.execPath, [main, ...words]);
    const { stages } = JSON.parse(stdout);
    const kills = stages.map(({ reports }: { reports: unknown[] }) => reports.length);
    expect(kills).toEqual([3, 3, 3, 3]);
  });
});

describe.skipIf(!hasNatsServer)('killing around a bridge', () => {
  test('finds no fault in a few rounds', { timeout: 240_000 }, async () => {
    const words = ['--seed', '9', '--rounds', '6', '--victim', 'bridge', '--victim', 'receiver'];
    const { stdout } = await promisify(execFile)(process.execPath, [
      main,
      'bridge',
      '--json',
      ...words,
    ]);
    const { rounds, messagesSent, messagesReceived, faults } = JSON.parse(stdout);
    const killed = rounds.map(({ plan }: { plan: { victim: string } }) => plan.victim);
    expect(new Set(killed).size).toBe(2);
    expect(messagesSent).toBeGreaterThan(100);
    expect([messagesReceived, faults]).toEqual([messagesSent, []]);
  });
});
