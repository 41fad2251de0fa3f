import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Delivery } from '@pageferry/core';
import { sharedMmap } from '@pageferry/shared-mmap';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { type Circumstances, fixture, runDoctor, runNode } from './support/run.js';

vi.setConfig({ testTimeout: 60_000 });

const MIB = 1024 * 1024;
const LIMIT = 192 * MIB;
/** How many messages of that length a sender has sent before its memory limit ends it. */
const MESSAGES = 20;

/** A memory control group below that of this process, or why there can be none. */
const group = makeGroup();
const obstacle = 'why' in group ? ` (not here: ${group.why})` : '';
const folder = mkdtempSync(join(tmpdir(), 'pageferry-limit-'));

function makeGroup(): { readonly path: string } | { readonly why: string } {
  if (process.platform !== 'linux') return { why: 'it is for Linux' };
  const own = readFileSync('/proc/self/cgroup', 'utf8');
  const first = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(own)?.[1];
  const second = /^0::(.*)$/m.exec(own)?.[1];
  const [parent, limit] =
    first === undefined
      ? [`/sys/fs/cgroup${second}`, 'memory.max']
      : [`/sys/fs/cgroup/memory${first}`, 'memory.limit_in_bytes'];
  const path = join(parent, `pageferry-test-${process.pid}`);
  try {
    mkdirSync(path);
  } catch {
    return { why: 'no control group can be made' };
  }
  try {
    writeFileSync(join(path, limit), String(LIMIT));
    return { path };
  } catch {
    rmdirSync(path);
    return { why: 'no control group can be limited' };
  }
}

afterAll(() => {
  if ('path' in group) rmdirSync(group.path);
  rmSync(folder, { recursive: true, force: true });
});

/** The process joins the group, and becomes the command. */
const limited: Circumstances = {
  prefix: [
    'sh',
    '-c',
    'echo $$ > "$0/cgroup.procs" && exec "$@"',
    'path' in group ? group.path : '',
  ],
};

const pool = (what: string, bytes: number) =>
  runNode(fixture('pool.mjs'), [what, String(bytes), join(folder, 'endpoint')], limited);

describe.skipIf(obstacle !== '')(`below a memory limit${obstacle}`, () => {
  test('a memfd that does not fit is a kill, and no error (11.25)', async () => {
    const { stdout, code } = await pool('fill', 2 * LIMIT);
    expect(stdout).toBe('fills\n'); // It never came to what fallocate answers.
    expect(code).toBeNull(); // A signal ended it.
  });

  describe.each(['shared-mmap', 'vmsplice-napi', 'vmsplice-ffi'])('%s', (backend) => {
    test('refuses a pool that cannot fit (11.25)', async () => {
      const { stdout, code } = await pool(backend, 2 * LIMIT);
      expect(stdout).toMatch(/^INVALID_ARGUMENT poolBytes: .* memory limit of this process/);
      expect(stdout).toContain(String(LIMIT));
      expect(code).toBe(0);
    });

    test('warns of a pool that exceeds what is left (11.25)', async () => {
      const { stdout, stderr } = await pool(backend, LIMIT);
      expect(stdout).toBe('made\n');
      expect(stderr.match(/\[PAGEFERRY_MEMORY_LIMIT\] PageferryWarning: /g)).toHaveLength(1);
    });

    test('says nothing of a pool that fits (11.25)', async () => {
      expect(await pool(backend, MIB)).toEqual({ stdout: 'made\n', stderr: '', code: 0 });
    });
  });

  test('a sender that is killed has died, and what it has sent stays whole (11.19)', async () => {
    const endpoint = join(folder, 'filled');
    const sending = runNode(fixture('fill-memory.mjs'), [String(MESSAGES), endpoint], limited);
    const receiver = await sharedMmap.createReceiver({ endpoint, timeout: 20_000 });
    const held: Delivery[] = [];
    const receiving = (async () => {
      for await (const delivery of receiver) held.push(delivery);
    })();
    await expect(receiving).rejects.toMatchObject({ code: 'PEER_DIED' });
    expect((await sending).code).toBeNull(); // A signal ended it.
    expect(held.length).toBe(MESSAGES);
    for (const { bytes, tag, byteLength } of held) {
      expect(byteLength).toBe(MIB);
      expect(bytes.every((byte) => byte === (tag & 255))).toBe(true);
    }
    for (const delivery of held) delivery.release();
    await receiver.close();
  });

  test('the doctor shows the limit and what is left (11.25)', async () => {
    const { report } = await runDoctor(limited);
    const { memory } = report.capabilities.limits;
    expect(memory?.limitBytes).toBe(LIMIT);
    expect(memory?.leftBytes).toBeGreaterThan(0);
    expect(memory?.leftBytes).toBeLessThan(LIMIT);
  });
});
