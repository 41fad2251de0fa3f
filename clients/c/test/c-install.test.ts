import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { sharedMmap } from '../../../packages/shared-mmap/dist/index.js';
import { temporaryFolder } from '../../../packages/testkit/dist/index.js';
import { COMPILING, hasCompiler, run, SOURCE, WARNINGS, whySkipped } from './peer.js';

// What `make install` puts where, used as programs elsewhere do: by the flags of its pkg-config file alone.
const CALL = 120_000;

describe.skipIf(!hasCompiler)(`the client in C, installed${whySkipped}`, () => {
  const folder = temporaryFolder();

  /** Installs below `prefix`. */
  const install = (prefix: string, ...variables: readonly string[]) =>
    run(
      'make',
      ['install', `BUILD=${join(folder.path, 'build')}`, `PREFIX=${prefix}`, ...variables],
      { cwd: SOURCE },
    );

  /** The flags of a field of the pkg-config file, whose variables are its own. */
  function flagsOf(prefix: string, field: string): readonly string[] {
    const file = readFileSync(join(prefix, 'lib/pkgconfig/pageferry.pc'), 'utf8');
    const variables = new Map(
      Array.from(file.matchAll(/^(\w+)=(.*)$/gm), ([, name = '', value = '']) => [name, value]),
    );
    const fill = (text: string): string =>
      text.replace(/\$\{(\w+)\}/g, (_, name) => fill(variables.get(name) ?? ''));
    const [, flags] = new RegExp(`^${field}: (.*)$`, 'm').exec(file) ?? [];
    if (flags === undefined) throw new Error(`no ${field} in the pkg-config file`);
    return fill(flags).split(' ');
  }

  test.each(['shared', 'static'])(
    'a program elsewhere is built with the %s library, and answers Node',
    async (kind) => {
      const prefix = join(folder.path, 'usr');
      await install(prefix);
      const lib = join(prefix, 'lib');
      const linked =
        kind === 'shared'
          ? [...flagsOf(prefix, 'Libs'), `-Wl,-rpath,${lib}`]
          : [join(lib, 'libpageferry.a')];
      const source = join(SOURCE, 'examples/brighten.c');
      const program = join(folder.path, `brighten-${kind}`);
      await run('gcc', [
        '-std=c11',
        ...WARNINGS,
        ...flagsOf(prefix, 'Cflags'),
        source,
        ...linked,
        '-o',
        program,
      ]);
      const { stdout } = await run('readelf', ['-d', program]);
      expect(stdout.includes('libpageferry.so.0')).toBe(kind === 'shared');
      const endpoint = folder.fresh();
      const listener = await sharedMmap.listen({ endpoint });
      onTestFinished(() => listener.destroy());
      const child = spawn(program, [endpoint, '50'], { stdio: 'inherit' });
      const exited = once(child, 'exit');
      const channel = await listener.accept({ timeout: CALL });
      const answer = await channel.request(Uint8Array.of(1, 200, 240), { timeout: CALL });
      expect([...answer.bytes]).toEqual([51, 250, 255]);
      answer.release();
      await channel.close();
      expect(await exited).toEqual([0, null]);
    },
    COMPILING,
  );

  test(
    'DESTDIR is where it is put, and not what is written into the pkg-config file',
    async () => {
      const root = join(folder.path, 'root');
      await install('/opt/pageferry', `DESTDIR=${root}`);
      const installed = join(root, 'opt/pageferry');
      expect(flagsOf(installed, 'Cflags')).toEqual(['-I/opt/pageferry/include']);
      expect(lstatSync(join(installed, 'lib/libpageferry.so')).isSymbolicLink()).toBe(true);
      expect(lstatSync(join(installed, 'include/pageferry.h')).isFile()).toBe(true);
    },
    COMPILING,
  );
});
