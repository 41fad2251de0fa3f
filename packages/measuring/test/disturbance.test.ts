import { spawn } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { nextMessage } from '../dist/children.js';
import { disturbanceBetween, watchMachine } from '../dist/disturbance.js';
import { endGroup, processorTimeOfEndedGroups, watchGroup } from '../dist/group.js';
import { parseProcessorTimes } from '../dist/processor-time.js';

describe('the times of the processors', () => {
  test('are busy, stolen, and all of them, without interrupts and without guests twice', () => {
    //            user nice system idle wait hard soft steal guest guestnice
    const text = 'cpu  100 20 30 400 50 6 7 8 90 10\ncpu0 1 2 3 4 5 6 7 8 9 10\nctxt 5\n';
    expect(parseProcessorTimes(text)).toEqual({ busy: 1500, stolen: 80, total: 6210 });
  });

  test('are unknown where the system does not say', () => {
    expect(parseProcessorTimes('cpu  0 0 0 0 0 0 0 0 0 0\n')).toBeUndefined();
    expect(parseProcessorTimes('')).toBeUndefined();
  });
});

describe('a disturbance', () => {
  const before = { busy: 5000, stolen: 100, total: 50_000, own: 300 };

  test('is what was busy and not ours, and what was stolen, as shares of all processors', () => {
    const after = { busy: 5900, stolen: 150, total: 51_000, own: 900 };
    expect(disturbanceBetween(before, after)).toEqual({ othersShare: 0.3, stolenShare: 0.05 });
  });

  test('is never less than none: the kernel rounds', () => {
    const after = { busy: 5900, stolen: 100, total: 51_000, own: 1220 };
    expect(disturbanceBetween(before, after)).toEqual({ othersShare: 0, stolenShare: 0 });
  });

  test('is unknown where nobody tells, or nothing lies in between', () => {
    expect(disturbanceBetween(undefined, before)).toBeUndefined();
    expect(disturbanceBetween(before, before)).toBeUndefined();
  });
});

describe.runIf(process.platform === 'linux')('a watched machine', () => {
  test('does not count as others what the members of a group took that was ended', async () => {
    const burn = 'while (process.cpuUsage().user < 200_000); process.stdout.write("done")';
    const code = `const { spawn } = require('node:child_process');
      const member = spawn(process.execPath, ['-e', ${JSON.stringify(`${burn}; setInterval(() => {}, 1000)`)}]);
      member.stdout.once('data', () => process.send('done'));`;
    const disturbance = watchMachine();
    const before = processorTimeOfEndedGroups();
    const leader = spawn(process.execPath, ['-e', code], {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    watchGroup(leader);
    await nextMessage(leader, 'the leader');
    await endGroup(leader);
    // Ticks are hundredths of a second, and there are two kinds of time that are rounded down.
    expect(processorTimeOfEndedGroups() - before).toBeGreaterThanOrEqual(180);
    const { othersShare = -1, stolenShare = -1 } = disturbance() ?? {};
    for (const share of [othersShare, stolenShare]) {
      expect(share).toBeGreaterThanOrEqual(0);
      expect(share).toBeLessThanOrEqual(1);
    }
  });
});
