import { describe, expect, test } from 'vitest';
import type { Judgement } from '../dist/backends/judge-backend.js';
import type { SystemCapabilities } from '../dist/capabilities/capabilities.js';
import { advise } from '../dist/verdict/advice.js';
import { recommend } from '../dist/verdict/recommend.js';

const judgement = (name: string, usable: boolean, good: boolean): Judgement => ({
  good,
  report: { name, usable, zeroCopySend: good, zeroCopyReceive: false },
});

describe('the recommended backend', () => {
  test('is the first good one', () => {
    const judgements = [
      judgement('first', true, false),
      judgement('second', true, true),
      judgement('third', true, true),
      judgement('socket', true, false),
    ];
    expect(recommend(judgements)).toBe('second');
  });

  test('is the socket if none is good', () => {
    const judgements = [judgement('first', true, false), judgement('socket', true, false)];
    expect(recommend(judgements)).toBe('socket');
  });

  test('is whatever works if the socket does not', () => {
    const judgements = [
      judgement('first', false, false),
      judgement('second', true, false),
      judgement('socket', false, false),
    ];
    expect(recommend(judgements)).toBe('second');
    expect(recommend(judgements.filter(({ report }) => !report.usable))).toBeUndefined();
  });
});

/** A machine on which nothing could be better. */
const IDEAL: SystemCapabilities = {
  platform: {
    system: 'linux',
    kernel: '6.18.0',
    architecture: 'x64',
    libc: 'glibc 2.41',
    node: 'v24.0.0',
    runtime: undefined,
    electron: undefined,
    container: undefined,
  },
  seccomp: 'none',
  systemCalls: [
    { call: 'vmsplice', status: 'answers' },
    { call: 'splice', status: 'answers' },
  ],
  pipes: {
    maxBytes: 2 ** 20,
    newBytes: 65_536,
    grownBytes: 2 ** 20,
    userPagesSoft: 16_384,
    userPagesHard: 0,
    unlimited: false,
    openPipes: 3,
    estimatedPages: 48,
  },
  memory: { hugePages: 'madvise', sharedHugePages: 'advise', memfdSeals: [], devShmBytes: 2 ** 30 },
  limits: {
    descriptors: { soft: 1024, hard: 4096 },
    openDescriptors: 20,
    lockedMemory: { soft: 8 * 2 ** 20, hard: 8 * 2 ** 20 },
    memory: { limitBytes: 2 ** 30, leftBytes: 2 ** 29, file: '/sys/fs/cgroup/app/memory.max' },
  },
  bindings: [{ name: 'napi', loads: true }],
};

const { pipes, memory, platform, limits } = IDEAL;
const small = { ...pipes, grownBytes: 65_536 } as NonNullable<typeof pipes>;

describe('the advice', () => {
  test('is none where nothing could be better', () => {
    expect(advise(IDEAL, [], [judgement('socket', true, false)])).toEqual([]);
  });

  test.each([
    [
      'small pipes',
      { pipes: { ...small, maxBytes: 65_536 } },
      'sysctl -w fs.pipe-max-size=1048576',
    ],
    ['a spent budget', { pipes: small }, 'fs.pipe-user-pages-soft=65536'],
    [
      'no huge pages',
      { memory: { ...memory, hugePages: 'never' } },
      'transparent_hugepage/enabled',
    ],
    ['none for memfds', { memory: { ...memory, sharedHugePages: 'deny' } }, 'shmem_enabled'],
    [
      'few descriptors',
      { limits: { ...limits, descriptors: { soft: 64, hard: 64 } } },
      'ulimit -n',
    ],
    [
      'little memory (11.25)',
      { limits: { ...limits, memory: { limitBytes: 2 ** 26, leftBytes: 2 ** 22, file: '/max' } } },
      'raise /max',
    ],
    ['Electron', { platform: { ...platform, electron: '40.0.0' } }, 'child process'],
    [
      'no addon',
      { bindings: [{ name: 'napi' as const, loads: false, reason: 'no' }] },
      'npm install @pageferry/vmsplice-ffi',
    ],
    [
      'another runtime',
      {
        platform: { ...platform, runtime: 'Bun 1.4.5' },
        bindings: [{ name: 'napi' as const, loads: false, reason: 'no' }],
      },
      'with Node',
    ],
    [
      'a filter',
      {
        seccomp: 'filter' as const,
        systemCalls: [
          { call: 'vmsplice' as const, status: 'refused' as const, errnoName: 'EPERM' },
        ],
      },
      '--security-opt seccomp=',
    ],
    [
      'a kernel without the call',
      { systemCalls: [{ call: 'tee' as const, status: 'missing' as const, errnoName: 'ENOSYS' }] },
      'gVisor',
    ],
    [
      'another system',
      { platform: { ...platform, system: 'darwin' as const } },
      '@pageferry/socket',
    ],
  ])('on %s says what to do, and the risk', (_, change, remedy) => {
    const advice = advise({ ...IDEAL, ...change }, [], []);
    expect(advice).toEqual([
      {
        finding: expect.stringMatching(/./),
        remedy: expect.stringContaining(remedy),
        risk: expect.stringMatching(/./),
      },
    ]);
  });

  test('on a vmsplice that copies names the way around it', () => {
    const probe = { hop: 'vmsplice', result: 'copies', evidence: 'seen' } as const;
    const [advice] = advise(IDEAL, [probe], []);
    expect(advice?.remedy).toContain('@pageferry/shared-mmap');
  });

  test('on a package that is missing says how to get it', () => {
    const missing = { ...judgement('vmsplice-ffi', false, false), missing: true } as const;
    expect(advise(IDEAL, [], [missing])).toEqual([
      {
        finding: 'vmsplice-ffi is not installed',
        remedy: 'npm install @pageferry/vmsplice-ffi',
        risk: 'none',
      },
    ]);
  });
});
