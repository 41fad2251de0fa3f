import fs, { mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Probe, probeHops } from '@pageferry/doctor';
import { EINVAL, EPERM, type LinuxCalls, O_DIRECT } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HOPS } from '../dist/probes/hops/index.js';
import { probeQuickly } from '../dist/probes/probe-hops.js';

const isRoot = process.getuid?.() === 0;

/** What 6.x kernels do without a seccomp filter, whatever the file system. */
const ORDINARY = {
  vmsplice: 'references',
  write: 'copies',
  read: 'copies',
  'vmsplice-read': 'copies',
  'splice-pipe': 'references',
  tee: 'references',
  'splice-memfd': 'copies',
  'splice-file': 'copies',
  'splice-unix-socket': 'references',
  'splice-tcp-loopback': 'references',
  'mmap-memfd': 'references',
};

/** True if the folder of temporary files is on a file system that leaves direct I/O to the device. */
const hasDirectFiles = [0xef53, 0x58465342].includes(statfsSync(tmpdir()).type);

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pageferry-probes-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe.runIf(process.platform === 'linux')('the probes', () => {
  const real = process.platform === 'linux' ? loadLinuxCalls() : ({} as LinuxCalls);
  const probe = (changes: Partial<LinuxCalls> = {}) =>
    probeHops({ ...real, ...changes }, { folder });
  const resultOf = (probes: readonly Probe[], hop: Probe['hop']) =>
    probes.find((each) => each.hop === hop)?.result;
  const results = (probes: readonly Probe[]) =>
    Object.fromEntries(probes.map(({ hop, result }) => [hop, result]));

  test('tell what each hop does between two processes, with evidence', async () => {
    const probes = await probe();
    expect(probes.map(({ hop }) => hop)).toEqual(HOPS.map(({ name }) => name));
    expect(results(probes)).toMatchObject(ORDINARY);
    for (const { evidence } of probes) expect(evidence).toMatch(/\w+ \w+/);
    for (const { evidence, hop } of probes) {
      if (hop !== 'splice-direct-file') expect(evidence).toContain('the other process');
    }
  });

  test('leave nothing behind in the folder, and no descriptor open', async () => {
    await probe();
    const before = readdirSync('/proc/self/fd').length;
    await probe();
    expect(readdirSync(folder)).toEqual([]);
    expect(readdirSync('/proc/self/fd')).toHaveLength(before);
  });

  test.skipIf(!isRoot)('compare the frames on both sides where pagemap shows them', async () => {
    const evidence = new Map((await probe()).map((each) => [each.hop, each.evidence]));
    expect(evidence.get('mmap-memfd')).toMatch(/both have frame 0x[0-9a-f]+$/);
    for (const hop of ['read', 'vmsplice-read', 'splice-memfd', 'splice-file'] as const) {
      const [, ours, theirs] = /frames (\S+) and (\S+)$/.exec(evidence.get(hop) ?? '') ?? [];
      expect(ours).toMatch(/^0x[0-9a-f]+$/);
      expect(theirs).toMatch(/^0x[0-9a-f]+$/);
      expect(ours).not.toBe(theirs);
    }
  });

  test('say copies for a vmsplice that copies, and still tell about the hops after it', async () => {
    const probes = await probe({ vmsplice: (fd, ...bytes) => real.write(fd, ...copied(bytes)) });
    expect(results(probes)).toMatchObject({ ...ORDINARY, vmsplice: 'copies' });
  });

  test.skipIf(!hasDirectFiles)(
    `say references for an O_DIRECT file on a disk${hasDirectFiles ? '' : ' (not here: no ext4, no XFS)'}`,
    async () => {
      expect(resultOf(await probe(), 'splice-direct-file')).toBe('references');
    },
  );

  test('say copies for a splice to an O_DIRECT file that goes through the page cache', async () => {
    // As a file system does that ignores the flag.
    const probes = await probe({
      splice: (from, to, length, flags) => {
        real.setStatusFlags(to, real.getStatusFlags(to) & ~0o40000 & ~0o200000);
        return real.splice(from, to, length, flags);
      },
    });
    expect(resultOf(probes, 'splice-direct-file')).toBe('copies');
  });

  test('say unavailable, and which error it was', async () => {
    const probes = await probe({ tee: () => -EPERM });
    expect(probes.find(({ hop }) => hop === 'tee')).toEqual({
      hop: 'tee',
      result: 'unavailable',
      errno: EPERM,
      errnoName: 'EPERM',
      evidence: 'tee: EPERM, operation not permitted',
    });
    expect(results(probes)).toMatchObject({ ...ORDINARY, tee: 'unavailable' });
  });

  test('say unavailable for a file where none can be made', async () => {
    const probes = await probeHops(real, { folder: join(folder, 'nowhere') });
    expect(probes.find(({ hop }) => hop === 'splice-file')).toMatchObject({
      result: 'unavailable',
      errnoName: 'ENOENT',
    });
    expect(resultOf(probes, 'vmsplice')).toBe('references');
  });

  test('say why a file is not for direct I/O, and leave none behind', async () => {
    // As where the file system has no direct I/O: the kernel makes the file, and then refuses to open it.
    const { openSync, closeSync } = fs;
    fs.openSync = (path, flags, mode) => {
      if (((flags as number) & O_DIRECT) === 0) return openSync(path, flags, mode);
      closeSync(openSync(path, (flags as number) & ~O_DIRECT, mode));
      throw Object.assign(new Error('EINVAL: invalid argument, open'), {
        code: 'EINVAL',
        errno: -EINVAL,
        syscall: 'open',
      });
    };
    syncBuiltinESMExports();
    try {
      const probes = await probe();
      expect(probes.find(({ hop }) => hop === 'splice-direct-file')).toMatchObject({
        result: 'unavailable',
        errnoName: 'EINVAL',
      });
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      fs.openSync = openSync;
      syncBuiltinESMExports();
    }
  });

  test('say unavailable for a hop whose pages cannot set out', async () => {
    const probes = await probe({ vmsplice: () => -EPERM, splice: () => -EINVAL });
    expect(probes.find(({ hop }) => hop === 'read')).toMatchObject({
      result: 'unavailable',
      evidence: expect.stringContaining('no page reference gets into a pipe here: vmsplice: EPERM'),
    });
    expect(resultOf(probes, 'write')).toBe('copies');
  });

  test('look a second time themselves if the other process cannot be started (11.19)', async () => {
    const probes = await probe({ socketpair: () => -EPERM });
    expect(results(probes)).toMatchObject({ ...ORDINARY, 'splice-unix-socket': 'unavailable' });
    const evidence = probes.find(({ hop }) => hop === 'vmsplice')?.evidence;
    expect(evidence).toBe('a second look sees a change made after the hop');
  });

  test('start a process that does not wait for a debugger (11.19)', async () => {
    vi.stubEnv('NODE_OPTIONS', '--inspect-brk=127.0.0.1:0');
    try {
      for (const { evidence, hop } of await probe()) {
        if (hop !== 'splice-direct-file') expect(evidence).toContain('the other process');
      }
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test.each(HOPS.map(({ name }) => name))('see the same within one process: %s', async (name) => {
    const quick = await probeQuickly(real, name);
    expect(quick.result).toBe(resultOf(await probe(), name));
  });
});

/** The arguments of vmsplice without its flags. */
function copied([bytes, offset, length]: [Uint8Array, number, number, number]) {
  return [bytes, offset, length] as const;
}
