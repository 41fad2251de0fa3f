import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { fixture, runDemo, runDoctor, runNode } from './support/run.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let folder = '';
let file = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pageferry-shortages-'));
  chmodSync(folder, 0o777); // Other users' demos work here too.
  file = join(folder, 'in');
  writeFileSync(file, randomBytes(2 ** 20 + 4097), { mode: 0o644 });
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const withAddon = (name: string) => ({ PAGEFERRY_LINUX_NAPI_ADDON: fixture(name) });

describe.runIf(process.platform === 'linux')('a vmsplice that copies without a word', () => {
  const circumstances = { env: withAddon('copying-vmsplice.cjs') };

  test('is found out by the doctor', async () => {
    const { report } = await runDoctor(circumstances);
    const results = Object.fromEntries(report.probes.map(({ hop, result }) => [hop, result]));
    // What lies further on is probed all the same, with pages that went into the pipe by splice.
    expect(results).toMatchObject({ vmsplice: 'copies', 'splice-pipe': 'references' });
    expect(report.backends).toContainEqual({
      name: 'vmsplice-napi',
      usable: true,
      zeroCopySend: false,
      zeroCopyReceive: false,
      reason: 'vmsplice into a pipe copies on this kernel',
    });
    expect(report.recommended).not.toBe('vmsplice-napi');
    expect(report.advice[0]?.finding).toMatch(/^vmsplice copies on this kernel/);
  });

  test('does not keep the demo from bringing a file across', async () => {
    const { report } = await runDoctor(circumstances);
    const { transfer, ended } = await runDemo(file, circumstances);
    expect(transfer).toMatchObject({ verified: true, backend: report.recommended });
    expect(ended.code).toBe(0);
    const named = await runDemo(file, circumstances, 'vmsplice-napi');
    expect(named.transfer).toMatchObject({ verified: true, backend: 'vmsplice-napi' });
  });
});

describe.runIf(process.platform === 'linux')('a runtime that takes no memory but its own', () => {
  const circumstances = { env: withAddon('caged.cjs') };

  test('is told of by the doctor, which recommends what works there', async () => {
    const { report } = await runDoctor(circumstances);
    expect(report.recommended).toBe('socket');
    expect(report.backends.find(({ name }) => name === 'shared-mmap')).toMatchObject({
      usable: false,
      reason: expect.stringMatching(/memory cage.*@pageferry\/socket/),
    });
  });

  test('gets the socket, for messages and for channels', async () => {
    for (const program of ['choose.mjs', 'choose-channel.mjs']) {
      const words = [join(folder, program), '{"warn":false}'];
      const { stdout, code } = await runNode(fixture(program), words, circumstances);
      const choices = JSON.parse(stdout) as { readonly name: string }[];
      expect(new Set(choices.map(({ name }) => name)), program).toEqual(new Set(['socket']));
      expect(code).toBe(0);
    }
  });
});

describe.runIf(process.platform === 'linux')('an addon that does not load', () => {
  const circumstances = { env: { PAGEFERRY_LINUX_NAPI_ADDON: '/nowhere/addon.node' } };

  test('is told of by the doctor, with the reason and what to do', async () => {
    const { report } = await runDoctor(circumstances);
    expect(report.capabilities.bindings[0]).toEqual({
      name: 'napi',
      loads: false,
      reason: expect.stringContaining('/nowhere/addon.node'),
    });
    expect(report.backends.find(({ name }) => name === 'vmsplice-napi')).toMatchObject({
      usable: false,
      reason: expect.stringContaining('cannot be loaded'),
    });
    // koffi makes the calls instead, for the probes and for the backends that can do with it.
    expect(report.probes.filter(({ result }) => result === 'references').length).toBeGreaterThan(4);
    for (const backend of ['shared-mmap', 'vmsplice-ffi']) {
      expect(report.backends).toContainEqual(
        expect.objectContaining({ name: backend, usable: true, zeroCopySend: true }),
      );
    }
    expect(report.recommended).toBe('shared-mmap');
    expect(report.advice[0]).toMatchObject({
      finding: expect.stringMatching(/^the native addon does not load: /),
      remedy: expect.stringContaining('koffi makes the calls'),
    });
  });

  test('does not keep the demo from bringing a file across', async () => {
    const { report } = await runDoctor(circumstances);
    const { transfer, ended } = await runDemo(file, circumstances);
    expect(ended).toMatchObject({ code: 0 });
    expect(transfer).toMatchObject({ verified: true, backend: report.recommended });
  });
});

describe.runIf(process.platform === 'linux')('few descriptors', () => {
  // Node 20 opens all modules that a module names at once, a descriptor for each: the demo needs some 60 until it is loaded.
  const LIMIT = 100;
  const limited = { prefix: ['sh', '-c', `ulimit -n ${LIMIT}; exec "$0" "$@"`] };

  test('are told of by the doctor, with what to do', async () => {
    const { report } = await runDoctor(limited);
    expect(report.capabilities.limits.descriptors?.soft).toBe(LIMIT);
    expect(report.advice).toContainEqual({
      finding: `a process may have no more than ${LIMIT} descriptors`,
      remedy: expect.stringContaining('ulimit -n 1024'),
      risk: expect.any(String),
    });
  });

  test('are enough for the demo', async () => {
    const { transfer, ended } = await runDemo(file, limited);
    expect(ended).toMatchObject({ code: 0 });
    expect(transfer?.verified).toBe(true);
  });

  test('of which nearly all are taken are still enough for the socket', async () => {
    const circumstances = { ...limited, env: withAddon('few-descriptors.cjs') };
    const { report, code } = await runDoctor(circumstances);
    expect(report.backends).toContainEqual({
      name: 'vmsplice-napi',
      usable: false,
      zeroCopySend: false,
      zeroCopyReceive: false,
      reason: expect.stringContaining('EMFILE'),
    });
    expect(report.recommended).toBe('socket');
    expect(code).toBe(1);
    const { transfer, ended } = await runDemo(file, circumstances);
    expect(ended).toMatchObject({ code: 0 });
    expect(transfer).toMatchObject({ backend: 'socket', verified: true });
  });
});

/** A user of whom nobody else has processes. Root alone may become one. */
const NOBODY = 65_534;
const obstacle = await whyNotNobody();

async function whyNotNobody(): Promise<string> {
  if (process.platform !== 'linux') return 'it is for Linux';
  if (process.getuid?.() !== 0) return 'it needs root, to become another user';
  const { code } = await runNode(fixture('answers.mjs'), [], { uid: NOBODY });
  return code === 0 ? '' : 'another user cannot read this folder';
}

describe.skipIf(obstacle !== '')(
  `an unprivileged user past the soft pipe budget${obstacle && ` (not here: ${obstacle})`}`,
  () => {
    let hoarder: ChildProcess;

    beforeEach(async () => {
      const started = spawn(process.execPath, [fixture('use-up-pipes.mjs')], {
        stdio: ['pipe', 'pipe', 'inherit'],
        uid: NOBODY,
        gid: NOBODY,
      });
      hoarder = started;
      await once(started.stdout, 'data');
    });

    afterEach(async () => {
      const ended = once(hoarder, 'exit');
      hoarder.stdin?.end();
      await ended;
    });

    const user = () => ({ uid: NOBODY, env: { TMPDIR: folder } });

    test('is told by the doctor that pipes are small, and what to do', async () => {
      const { report } = await runDoctor(user());
      const { pipes } = report.capabilities;
      expect(pipes).toMatchObject({ unlimited: false, newBytes: 8192, grownBytes: 8192 });
      expect(pipes?.openPipes).toBeGreaterThan(10);
      expect(report.backends.find(({ name }) => name === 'vmsplice-napi')).toMatchObject({
        usable: true,
        zeroCopySend: true,
        reason: expect.stringContaining('a pipe holds only 8 KiB'),
      });
      expect(report.recommended).not.toBe('vmsplice-napi');
      expect(report.advice).toContainEqual({
        finding: expect.stringContaining('has used up its pipes'),
        remedy: expect.stringContaining('fs.pipe-user-pages-soft='),
        risk: expect.any(String),
      });
    });

    test.each([
      ['two pages', {}, '8 KiB'],
      ['one page', withAddon('one-page-pipes.cjs'), '4 KiB'],
    ])('brings a file across with pipes of %s', async (_, env, size) => {
      const circumstances = { uid: NOBODY, env: { TMPDIR: folder, ...env } };
      const { report } = await runDoctor(circumstances);
      const vmsplice = report.backends.find(({ name }) => name === 'vmsplice-napi');
      expect(vmsplice?.reason).toContain(`a pipe holds only ${size}`);
      const chosen = await runDemo(file, circumstances);
      expect(chosen.transfer).toMatchObject({ verified: true, backend: report.recommended });
      // It would be slow, but it works.
      const named = await runDemo(file, circumstances, 'vmsplice-napi');
      expect(named.transfer).toMatchObject({ verified: true, backend: 'vmsplice-napi' });
    });
  },
);
