import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { sharedMmap } from '../../../packages/shared-mmap/dist/index.js';
import { temporaryFolder } from '../../../packages/testkit/dist/index.js';
import { COMPILING, compile, hasCompiler, nextLines, start, whySkipped } from './peer.js';

// Endpoints that are names: where their files are, and whose folder that has to be.
describe.skipIf(!hasCompiler)(`names in C${whySkipped}`, () => {
  const folder = temporaryFolder();
  const peer = join(folder.path, 'peer');
  const uid = process.geteuid?.() ?? 0;
  const FORBIDDEN = "error: the endpoint, or its folder, is not this user's alone\n";
  const INVALID = 'error: an argument cannot be used\n';

  beforeAll(() => compile('peer', peer), COMPILING);

  /** A folder of its own. */
  function fresh(mode = 0o700): string {
    const path = folder.fresh();
    mkdirSync(path);
    chmodSync(path, mode);
    return path;
  }

  /** What a sender says that ends as soon as its input does. */
  function send(name: string, env: NodeJS.ProcessEnv): string {
    const args = ['send', name, '0', '0', '0', '0', 'abort'];
    const base = { ...process.env, XDG_RUNTIME_DIR: undefined, TMPDIR: undefined };
    const options = { env: { ...base, ...env }, input: '', encoding: 'utf8' } as const;
    return spawnSync(peer, args, options).stdout;
  }

  const OPEN = 'open\nsent: done\ndone\n';

  test('stand for files in the folder for them, which is made', () => {
    const [runtime, temporary] = [fresh(), fresh()];
    expect(send('a', { XDG_RUNTIME_DIR: runtime, TMPDIR: temporary })).toBe(OPEN);
    expect(statSync(join(runtime, 'pageferry')).mode & 0o777).toBe(0o700);
    // A folder of another kind is no runtime folder: links are followed, relative paths are not.
    for (const other of ['relative', '', join(runtime, 'missing'), '/proc/self/status']) {
      const where = fresh();
      expect(send('a', { XDG_RUNTIME_DIR: other, TMPDIR: where })).toBe(OPEN);
      expect(statSync(join(where, `pageferry-${uid}`)).mode & 0o777).toBe(0o700);
    }
    const unusual = fresh();
    const script = `umask 0277; exec "$0" send a 0 0 0 0 abort`;
    const env = { ...process.env, XDG_RUNTIME_DIR: unusual };
    expect(spawnSync('sh', ['-c', script, peer], { env, input: '', encoding: 'utf8' }).stdout).toBe(
      OPEN,
    );
    expect(statSync(join(unusual, 'pageferry')).mode & 0o777).toBe(0o700);
  });

  test('are refused in a folder that others may enter, or that is a link', () => {
    const open = fresh();
    mkdirSync(join(open, 'pageferry'), { mode: 0o755 });
    chmodSync(join(open, 'pageferry'), 0o750);
    expect(send('a', { XDG_RUNTIME_DIR: open })).toBe(FORBIDDEN);
    const linked = fresh();
    symlinkSync(fresh(), join(linked, 'pageferry'));
    expect(send('a', { XDG_RUNTIME_DIR: linked })).toBe(FORBIDDEN);
  });

  test('that cannot be one are no endpoints', () => {
    const runtime = fresh();
    for (const name of ['', '.', '..', 'x'.repeat(107), `fd:`, 'fd:-1', 'fd:1x']) {
      expect(send(name, { XDG_RUNTIME_DIR: runtime })).toBe(INVALID);
    }
    // A path has at most 107 bytes.
    const room = 107 - join(runtime, 'pageferry', '').length - 1;
    expect(send('y'.repeat(room + 1), { XDG_RUNTIME_DIR: runtime })).toBe(INVALID);
    expect(send('y'.repeat(room), { XDG_RUNTIME_DIR: runtime })).toBe(OPEN);
  });

  test('meet those of the same name in Node', async () => {
    const name = `c-names-${process.pid}`;
    const next = nextLines(start(peer, ['send', name, '1', '3', '100', '0', 'close']));
    expect(await next()).toBe('open');
    await using receiver = await sharedMmap.createReceiver({ endpoint: name });
    using message = await receiver.receive();
    expect(message?.byteLength).toBe(100);
  });
});
