import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { hasZeroCopy, type Report } from '@pageferry/doctor';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { compileRefuse } from './support/refuse.js';
import { DEMO, fixture, runDemo, runDoctor, runNode } from './support/run.js';

vi.setConfig({ testTimeout: 60_000 });

const helper = compileRefuse();
const skipped = 'why' in helper ? ` (not here: ${helper.why})` : '';

const CALLS = ['vmsplice', 'splice', 'memfd_create'] as const;
const ERRORS = [
  { name: 'EPERM', number: constants.errno.EPERM, status: 'refused' },
  { name: 'ENOSYS', number: constants.errno.ENOSYS, status: 'missing' },
  { name: 'EOPNOTSUPP', number: constants.errno.EOPNOTSUPP, status: 'unsupported' },
];

/** Every set of calls with every error. */
const CASES = [...CALLS.map((call) => [call]), [...CALLS]].flatMap((calls) =>
  ERRORS.map((error) => ({ calls, title: calls.join(', '), ...error })),
);

const refusing = (calls: readonly string[], action: number | string) => ({
  prefix: 'path' in helper ? [helper.path, String(action), calls.join(',')] : [],
});

/** Every set of calls with every way to be killed for them. */
const KILLS = [...CALLS.map((call) => [call]), [...CALLS]].flatMap((calls) =>
  ['kill-process', 'kill-thread'].map((action) => ({ calls, title: calls.join(', '), action })),
);

let file = '';

beforeAll(() => {
  if (!('path' in helper)) return;
  file = join(helper.folder, 'in');
  writeFileSync(file, randomBytes(2 ** 21 + 4097));
});

afterAll(() => {
  if ('path' in helper) rmSync(helper.folder, { recursive: true, force: true });
});

describe.skipIf(skipped !== '')(`under a seccomp filter${skipped}`, () => {
  test.each(CASES)('the kernel refuses $title with $name, and nothing else', async (each) => {
    const program = fixture('answers.mjs');
    const { stdout } = await runNode(program, [], refusing(each.calls, each.number));
    const answers = Object.entries(JSON.parse(stdout) as Record<string, number>);
    const refused = answers.filter(([, answer]) => answer < 0);
    expect(refused).toEqual(
      answers
        .filter(([call]) => (each.calls as readonly string[]).includes(call))
        .map(([call]) => [call, -each.number]),
    );
    expect(refused).toHaveLength(each.calls.length);
  });

  test.each(CASES)('the doctor says that $title is answered with $name', async (each) => {
    const { report, code } = await runDoctor(refusing(each.calls, each.number));
    expect(report.capabilities.seccomp).toBe('filter');
    for (const { call, status, errnoName } of report.capabilities.systemCalls) {
      if ((each.calls as readonly string[]).includes(call)) {
        expect({ call, status, errnoName }).toEqual({
          call,
          status: each.status,
          errnoName: each.name,
        });
        const advice = report.advice.filter(({ finding }) => finding.startsWith(`${call}: `));
        expect(advice).toHaveLength(1);
        expect(advice[0]).toMatchObject({
          finding: expect.stringMatching(`${each.name}: .*seccomp filter`),
          remedy: expect.stringContaining('--security-opt seccomp='),
        });
      } else expect(status).toBe('answers');
    }
    expect(report.probes.find(({ hop }) => hop === HOP_OF[each.calls[0] as string])).toMatchObject({
      result: 'unavailable',
      errno: each.number,
      errnoName: each.name,
    });
    expectJudgement(report, each.calls, each.name);
    expect(code).toBe(hasZeroCopy(report) ? 0 : 1);
  });

  test.each(CASES)('the demo brings a file across without $title ($name)', async (each) => {
    const circumstances = refusing(each.calls, each.number);
    const { report } = await runDoctor(circumstances);
    const { transfer, ended } = await runDemo(file, circumstances);
    expect(ended.code).toBe(0);
    expect(transfer).toMatchObject({ verified: true, backend: report.recommended });
  });

  test.each(KILLS)(
    'the doctor lives, and says that $title is answered with $action (11.28)',
    async (each) => {
      const { report, code } = await runDoctor(refusing(each.calls, each.action));
      for (const { call, ...answer } of report.capabilities.systemCalls) {
        const killed = (each.calls as readonly string[]).includes(call);
        expect({ call, ...answer }).toEqual(
          killed ? { call, status: 'kills', signal: 'SIGSYS' } : { call, status: 'answers' },
        );
        const advice = report.advice.filter(({ finding }) => finding.startsWith(`${call}: `));
        expect(advice).toHaveLength(killed ? 1 : 0);
        if (killed) expect(advice[0]?.finding).toMatch(/SIGSYS: the seccomp filter kills/);
      }
      expect(
        report.probes.find(({ hop }) => hop === HOP_OF[each.calls[0] as string]),
      ).toMatchObject({
        result: 'unavailable',
        evidence: expect.stringContaining('a process that makes this call is killed'),
      });
      const named = report.backends.find(({ name }) => name === 'vmsplice-napi');
      expect(named).toMatchObject({ usable: false, reason: expect.stringContaining('is killed') });
      const memory = each.calls.includes('memfd_create');
      expect(report.recommended).toBe(memory ? 'socket' : 'shared-mmap');
      expect(code).toBe(memory ? 1 : 0);
    },
  );

  test.each(KILLS)(
    'the demo brings a file across without $title ($action) (11.28)',
    async (each) => {
      const { transfer, ended } = await runDemo(file, refusing(each.calls, each.action));
      expect(ended.code).toBe(0);
      const memory = each.calls.includes('memfd_create');
      expect(transfer).toMatchObject({
        verified: true,
        backend: memory ? 'socket' : 'shared-mmap',
      });
    },
  );

  test('the demo tells people which way it went, and why', async () => {
    const circumstances = refusing(CALLS, constants.errno.EPERM);
    const args = ['--file', file, '--backend', 'auto'];
    const { stdout, code } = await runNode(DEMO, args, circumstances);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^auto took socket:$/m);
    expect(stdout).toMatch(/^ {2}vmsplice-napi: memfd_create: EPERM, .*$/m);
  });

  test('each backend that is said to be usable is, and no other', async () => {
    for (const { calls, number } of CASES) {
      if (number !== constants.errno.EPERM) continue;
      const { report } = await runDoctor(refusing(calls, number));
      for (const { name, usable } of report.backends) {
        if (name !== 'vmsplice-napi' && name !== 'socket') continue;
        const { transfer } = await runDemo(file, refusing(calls, number), name);
        expect([calls, name, transfer?.verified === true]).toEqual([calls, name, usable]);
      }
    }
  });
});

const HOP_OF: Readonly<Record<string, string>> = {
  vmsplice: 'vmsplice',
  splice: 'splice-pipe',
  memfd_create: 'mmap-memfd',
};

function expectJudgement(report: Report, calls: readonly string[], errnoName: string) {
  const vmsplice = report.backends.find(({ name }) => name === 'vmsplice-napi');
  if (calls.includes('memfd_create')) {
    expect(vmsplice).toMatchObject({
      usable: false,
      reason: expect.stringContaining(`memfd_create: ${errnoName}`),
    });
    expect(report.recommended).toBe('socket');
  } else if (calls.includes('vmsplice')) {
    expect(vmsplice).toMatchObject({
      usable: true,
      zeroCopySend: false,
      reason: expect.stringContaining(`vmsplice: ${errnoName}`),
    });
    expect(report.recommended).not.toBe('vmsplice-napi');
  } else {
    expect(vmsplice).toMatchObject({ usable: true, zeroCopySend: true });
  }
}
