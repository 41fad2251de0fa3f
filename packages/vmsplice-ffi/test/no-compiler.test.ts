import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findNpm, packWithDependencies } from './support/pack.js';

const packageFolder = fileURLToPath(new URL('..', import.meta.url));
const npm = findNpm();

/** What was installed from, to where, and with what on the path. */
let folder = '';
let environment: NodeJS.ProcessEnv = {};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pageferry-no-compiler-'));
  for (const name of ['tarballs', 'app', 'path', 'home']) mkdirSync(join(folder, name));
  symlinkSync(process.execPath, join(folder, 'path/node'));
  environment = { PATH: join(folder, 'path'), HOME: join(folder, 'home') };
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a program where the packages are installed, with Node alone on the path. */
async function run(program: string, ...args: readonly string[]): Promise<string> {
  const child = spawn('node', [program, ...args], {
    cwd: join(folder, 'app'),
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(0);
  return output.trim();
}

const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

const where = npm === undefined ? 'where npm is on the path, to install with' : 'with Node alone';

describe.skipIf(npm === undefined)(`${where} on the path, and no compiler`, () => {
  test('the packed packages install without a script, a download or a build', () => {
    packWithDependencies(packageFolder, join(folder, 'tarballs'));
    const tarballs = readdirSync(join(folder, 'tarballs')).map((name) => `../tarballs/${name}`);
    writeFileSync(join(folder, 'app/package.json'), '{ "private": true, "type": "module" }');
    const options = ['--offline', '--ignore-scripts', '--no-audit', '--no-update-notifier'];
    execFileSync('node', [npm as string, 'install', ...options, ...tarballs], {
      cwd: join(folder, 'app'),
      env: environment,
    });
    expect(readdirSync(join(folder, 'path'))).toEqual(['node']);
    expect(readdirSync(join(folder, 'app/node_modules/@pageferry')).sort()).toEqual([
      'connection',
      'core',
      'linux',
      'linux-ffi',
      'vmsplice',
      'vmsplice-ffi',
    ]);
  }, 240_000);

  test('and a file moves from one process to another, page by page', async () => {
    cpSync(join(packageFolder, 'test/programs'), join(folder, 'app'), { recursive: true });
    const original = join(folder, 'original');
    const copy = join(folder, 'copy');
    writeFileSync(original, randomBytes(20_000_003));
    const endpoint = join(folder, 'ferry.sock');
    const [method] = await Promise.all([
      run('send-file.js', endpoint, original),
      run('receive-file.js', endpoint, copy),
    ]);
    expect(sha256(copy)).toBe(sha256(original));
    expect(['vmsplice', 'write']).toContain(method);
  }, 240_000);
});
