import { readdirSync, readFileSync } from 'node:fs';
import { watch } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { checkResults } from '../dist/results/schema.js';
import { folder, inFolder, type Running, start } from './compare.js';

const LONG = ['--scenario', 'handoff', '--size', '64', '--runs', '999', '--json'];
const SUBJECTS = ['--subject', 'unix-socket', 'vmsplice-napi', 'socket'];

/** Every process whose command line names the test's folder. */
function processesOfTest(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder);
      } catch {
        return false; // Gone meanwhile.
      }
    });
}

/** Resolves when the run has begun to measure: its folder has had several trials. */
async function untilMeasuring({ ended }: Running): Promise<void> {
  const over = new AbortController();
  ended.then(({ stderr }) => over.abort(new Error(`it ended: ${stderr}`)));
  for await (const _ of watch(folder, { signal: over.signal })) {
    const [place] = readdirSync(folder).filter((name) => name.startsWith('pageferry-compare-'));
    if (place === undefined) continue;
    let trials = 0;
    for await (const { filename } of watch(inFolder(place), { signal: over.signal })) {
      // Three checks, one trial at least, and one under way.
      if (filename?.startsWith('t') && ++trials > 12) return;
    }
  }
}

describe.runIf(process.platform === 'linux')('an interrupted run', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('keeps what it has after %s, and leaves nothing behind', async (signal, status) => {
    const running = start([...LONG, ...SUBJECTS]);
    await untilMeasuring(running);
    running.process.kill(signal);
    const { code, stdout, stderr } = await running.ended;
    expect(code).toBe(status);
    expect(stderr).toContain('Interrupted: what was measured until now is kept.');
    const results = checkResults(JSON.parse(stdout));
    expect(results.interrupted).toBe(true);
    expect(results.results.length).toBeGreaterThan(0);
    expect(readdirSync(folder)).toEqual(['compare-report']);
    expect(readdirSync(inFolder('compare-report'))).toContain('report.html');
    expect(processesOfTest()).toEqual([]);
  });

  it('leaves no process behind even if it is killed', async () => {
    const running = start([...LONG, ...SUBJECTS]);
    await untilMeasuring(running);
    running.process.kill('SIGKILL');
    await running.ended; // Its trial holds its stderr: this waits for the trial, too.
    await expect.poll(processesOfTest, { timeout: 20_000 }).toEqual([]);
  });
});
