import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { sharedMmap } from '@pageferry/shared-mmap';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { ACTS, live } from '@pageferry/testkit/hostile';
import { describe, expect, test } from 'vitest';
import { Meter } from '../dist/hostile/meter.js';
import { Random } from '../dist/random.js';

const main = new URL('../dist/main.js', import.meta.url).pathname;

describe('a hostile peer', () => {
  expectNothingLeft();
  const folder = temporaryFolder();

  test('comes to every act, and leaves nothing behind', async () => {
    const sender = await sharedMmap.createSender({ endpoint: folder.fresh() });
    const role = { mechanism: 'shared-mmap', isChannel: false, policy: 0 } as const;
    const acts = new Set<string>();
    for (let life = 0; life < 150; life++) {
      const surroundings = { calls: loadLinuxCalls(), at: sender.endpoint, role };
      const choices = new Random(1, life);
      // Nobody lets it in while it waits: this process does one thing at a time.
      const lived = live({ ...surroundings, choices, maxChanges: 100, crowd: 3, patience: 0 });
      acts.add(lived.act);
      await new Promise(setImmediate);
    }
    await sender.close();
    // Only who opens can say no.
    expect([...acts].sort()).toEqual(ACTS.filter((act) => act !== 'no').sort());
  });

  test('does the same again with the same seed', () => {
    const acts = [0, 0].map(() => {
      const said: string[] = [];
      for (let life = 0; life < 20; life++) {
        live({
          calls: loadLinuxCalls(),
          at: '/nowhere',
          role: { mechanism: 'socket', isChannel: true, policy: 0 },
          choices: new Random(7, life),
          maxChanges: 1,
          crowd: 1,
          onAct: (act) => said.push(act),
        });
      }
      return said;
    });
    expect(acts[0]).toEqual(acts[1]);
  });
});

test('a meter keeps apart what was done in which phase', () => {
  let count = 0;
  const meter = new Meter(() => count);
  meter.enter('hostile');
  count = 5;
  meter.enter('quiet');
  meter.enter(undefined);
  count = 100;
  meter.enter(undefined);
  expect(meter.rates.hostile).toBeGreaterThan(0);
  expect(meter.rates.quiet).toBe(0);
});

test('hostilities, a few lives of each pattern, find no fault', async () => {
  const words = ['--seed', '19', '--changes', '2000', '--lives', '8', '--crowd', '100'];
  const options = ['hostile', ...words, '--backend', 'shared-mmap', '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...options]);
  const { stages } = JSON.parse(stdout);
  expect(stages.length).toBe(6);
  for (const { report, crash } of stages) {
    expect(crash).toBeUndefined();
    expect(report.deeds.lives).toBeGreaterThanOrEqual(8);
    expect(report.checked).toBeGreaterThan(0);
  }
}, 120_000);

test('one that never leaves the others alone is not compared with anything', async () => {
  const words = [
    '--no-quiet',
    '--seed',
    '19',
    '--changes',
    '2000',
    '--lives',
    '8',
    '--crowd',
    '100',
  ];
  const part = ['--backend', 'vmsplice-napi', '--pattern', 'channel', '--side', 'comer', '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, [
    main,
    'hostile',
    ...words,
    ...part,
  ]);
  const [{ report }] = JSON.parse(stdout).stages;
  expect(report.faults).toEqual([]);
  expect(report.rates.hostile).toBeGreaterThan(0);
  expect(report.rates.quiet).toBe(0);
}, 120_000);
