import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as later } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { DOCTOR, fixture, runDoctor } from './support/run.js';

vi.setConfig({ testTimeout: 60_000 });

/** An environment by which the processes that a test has started are known, and theirs. */
const marked = (addon: string) => ({
  PAGEFERRY_TEST: randomUUID(),
  PAGEFERRY_LINUX_NAPI_ADDON: fixture(addon),
});

function isMarked(pid: string, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(mark);
  } catch {
    return false; // It has ended, or is not ours.
  }
}

const left = ({ PAGEFERRY_TEST: mark }: { PAGEFERRY_TEST: string }): string[] =>
  readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && isMarked(entry, mark));

/** Nobody announces it: the test's time limit ends the wait. */
async function allHaveEnded(env: { PAGEFERRY_TEST: string }): Promise<void> {
  while (left(env).length > 0) await later(20);
}

async function startAndHang(
  program: string,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly process: ChildProcess; readonly ended: Promise<unknown> }> {
  const child = spawn(process.execPath, [program], {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  });
  const ended = once(child, 'exit');
  let said = '';
  for await (const chunk of child.stderr) {
    said += chunk;
    if (said.includes('hangs')) break;
  }
  expect(said).toContain('hangs');
  return { process: child, ended };
}

describe.runIf(process.platform === 'linux')("the doctor's other process", () => {
  test('may end in the middle: that is what is found of the hop, and no more (11.19)', async () => {
    const env = marked('deadly-read.cjs');
    const { report } = await runDoctor({ env });
    expect(report.probes.find(({ evidence }) => evidence.includes('was ended by'))).toEqual({
      hop: 'vmsplice',
      result: 'unavailable',
      evidence: 'the other process was ended by SIGKILL',
    });
    expect(report.probes.filter(({ result }) => result === 'unavailable')).toHaveLength(1);
    expect(JSON.stringify(report)).not.toContain('undefined');
    expect(left(env)).toEqual([]);
  });

  test('may hang: it is waited for once, and ended (11.19)', async () => {
    const env = marked('hanging-read.cjs');
    const { report } = await runDoctor({ env });
    expect(report.probes.find(({ hop }) => hop === 'vmsplice')).toEqual({
      hop: 'vmsplice',
      result: 'unavailable',
      evidence: 'the other process had no answer for 5 s',
    });
    expect(report.probes.filter(({ result }) => result === 'unavailable')).toHaveLength(1);
    expect(report.recommended).toBe('shared-mmap');
    await allHaveEnded(env);
  });

  test('ends with a doctor that is killed, though it hangs (11.19)', async () => {
    const env = marked('hanging-read.cjs');
    const doctor = await startAndHang(DOCTOR, env);
    expect(left(env)).toHaveLength(2);
    doctor.process.kill('SIGKILL');
    await doctor.ended;
    await allHaveEnded(env);
  });

  test('ends with a program that exits while it is probing, though it hangs (11.19)', async () => {
    const env = marked('hanging-read.cjs');
    const program = await startAndHang(fixture('exit-while-probing.mjs'), env);
    program.process.stdin?.write('exit\n');
    expect(await program.ended).toEqual([0, null]);
    await allHaveEnded(env);
  });
});
