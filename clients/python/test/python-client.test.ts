import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../../packages/testkit/dist/index.js';
import { build, environmentOf, obstacle, python, SOURCE } from './package.js';

// The package, built as it is installed, with pytest against real peers in Node.
const run = promisify(execFile);

/** What a command prints, with what it says on errors where it fails. */
async function outputOf(
  command: string,
  args: readonly string[],
  options: Readonly<{ cwd?: string; env?: NodeJS.ProcessEnv }> = {},
): Promise<string> {
  try {
    return (await run(command, args, { ...options, timeout: 280_000 })).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')}\n${stdout ?? ''}\n${stderr ?? ''}`, {
      cause: error,
    });
  }
}

describe.skipIf(obstacle !== undefined)(
  `the package in Python${obstacle === undefined ? '' : ` (${obstacle})`}`,
  { timeout: 300_000 },
  () => {
    const folder = temporaryFolder();
    let env: NodeJS.ProcessEnv;

    beforeAll(() => {
      env = environmentOf(build(folder.path));
    }, 120_000);

    const files = readdirSync(join(SOURCE, 'tests')).filter((file) => file.startsWith('test_'));

    test.each(files)('%s', async (file) => {
      const args = ['-m', 'pytest', '-p', 'no:cacheprovider', '-q', `tests/${file}`];
      const output = await outputOf(python ?? '', args, { cwd: SOURCE, env });
      expect(output).toMatch(/\d+ passed/);
    });

    test('its stubs and classes agree, as mypy sees them', async ({ skip }) => {
      const there = await run('/usr/bin/mypy', ['--version']).catch(() => undefined);
      if (there === undefined) skip('there is no mypy');
      const args = [
        '--strict',
        '--cache-dir',
        join(folder.path, 'mypy'),
        join(SOURCE, 'src/pageferry'),
      ];
      expect(await outputOf('/usr/bin/mypy', args)).toContain('Success');
    });

    test('a source distribution has all that it is built from', async () => {
      const code = `import build_backend; print(build_backend.build_sdist(${JSON.stringify(folder.path)}))`;
      const name = (await outputOf(python ?? '', ['-B', '-c', code], { cwd: SOURCE })).trim();
      await outputOf('tar', ['xzf', join(folder.path, name), '-C', folder.path]);
      const unpacked = join(folder.path, name.replace('.tar.gz', ''));
      const client = readFileSync(join(SOURCE, '../c/pageferry.c'));
      expect(readFileSync(join(unpacked, 'c/pageferry.c'))).toEqual(client);
      const wheel = `import build_backend; print(build_backend.build_wheel('.'))`;
      expect(await outputOf(python ?? '', ['-B', '-c', wheel], { cwd: unpacked })).toContain(
        '.whl',
      );
    });

    test('pip installs it without a network', async ({ skip }) => {
      const pip = [python ?? '', ['-m', 'pip']] as const;
      const there = await run(pip[0], [...pip[1], '--version']).catch(() => undefined);
      if (there === undefined) skip('there is no pip');
      const target = join(folder.path, 'installed');
      const args = ['install', '--no-index', '--no-deps', '--target', target, SOURCE];
      await outputOf(pip[0], [...pip[1], ...args]);
      const code = 'import pageferry; print(pageferry.__file__)';
      const found = await outputOf(pip[0], ['-c', code], { env: environmentOf(target) });
      expect(found.trim()).toBe(join(target, 'pageferry/__init__.py'));
    });
  },
);
