import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { programsOf } from './harness/programs.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const EXAMPLES = fileURLToPath(new URL('..', import.meta.url));
const PAGE = 'docs/adding-a-backend.md';
const PATIENCE = 300_000;

interface Report {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
    }[];
  }[];
}

const page = readFileSync(join(ROOT, PAGE), 'utf8');
const programs = programsOf(ROOT).filter((program) => program.page === PAGE);

/** The program of the page that says something, as it stands there. */
function programWith(words: string): string {
  const found = programs.filter(({ source }) => source.includes(words));
  expect(found.map(({ name }) => name)).toHaveLength(1);
  return found[0]?.source ?? '';
}

/** What a section of the page shows. */
function blocksOf(heading: string): readonly string[] {
  const [, text = ''] = new RegExp(`^## ${heading}\\n(.*?)(?=^## |(?![^]))`, 'ms').exec(page) ?? [];
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, source = '']) => source);
}

describe('who follows the page on adding a backend, word for word,', () => {
  let folder = '';
  let compiled: { readonly stdout: string; readonly status: number | null };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pf-toy-'));
    symlinkSync(join(EXAMPLES, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    mkdirSync(join(folder, 'src'));
    const write = (file: string, source: string) =>
      writeFileSync(join(folder, 'src', file), source);
    write('in-use.ts', programWith('toy.createSender'));
    write('toy-transport.ts', blocksOf('A transport').join('\n'));
    write('toy-transport.test.ts', programWith('describeTransport({'));
    const config = {
      extends: join(ROOT, 'tsconfig.base.json'),
      compilerOptions: {
        rootDir: 'src',
        outDir: 'dist',
        composite: false,
        declaration: false,
        declarationMap: false,
        typeRoots: [join(ROOT, 'node_modules/@types')],
      },
      include: ['src'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const tsc = join(ROOT, 'node_modules/.bin/tsc');
    compiled = spawnSync(tsc, ['-p', folder], { encoding: 'utf8' });
  }, 60_000);

  afterAll(() => rmSync(folder, { recursive: true }));

  test('has a transport after five parts, which compiles under the strict rules of this repository', () => {
    expect(blocksOf('A transport')).toHaveLength(5);
    expect(compiled).toMatchObject({ stdout: '', status: 0 });
  });

  test('sees it print what the page says', () => {
    const said = [...programWith('toy.createSender').matchAll(/console\.log\(.*\/\/ (\w+)$/gm)];
    expect(said).toHaveLength(2);
    const { stdout, stderr } = spawnSync(process.execPath, [join(folder, 'dist/in-use.js')], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(stdout).toBe(said.map(([, line]) => `${line}\n`).join(''));
  });

  test('passes every case of the conformance suite that applies', { timeout: PATIENCE }, async ({
    signal,
  }) => {
    const output = join(folder, 'report.json');
    const vitest = join(EXAMPLES, 'node_modules/vitest/vitest.mjs');
    const environment = Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST'));
    const args = ['run', '--root', join(folder, 'src'), '--reporter=json'];
    const child = spawn(process.execPath, [vitest, ...args, `--outputFile=${output}`], {
      env: Object.fromEntries(environment),
      stdio: 'ignore',
      signal,
      killSignal: 'SIGKILL',
    });
    await once(child, 'exit');
    const { testResults } = JSON.parse(readFileSync(output, 'utf8')) as Report;
    expect(testResults.map(({ message }) => message)).toEqual(['']);
    const cases = testResults.flatMap(({ assertionResults }) => assertionResults);
    const withStatus = (status: string) => cases.filter((each) => each.status === status);
    expect(withStatus('failed').map(({ fullName }) => fullName)).toEqual([]);
    expect(withStatus('passed').length).toBeGreaterThan(200);
    expect(withStatus('passed').length + withStatus('skipped').length).toBe(cases.length);
  });
});

describe('the page on adding a backend', () => {
  test('shows the registrations of a real backend and of a real binding as they are', () => {
    const [, registration = ''] = blocksOf('The conformance suite');
    expect(registration).toContain('vmspliceNapi');
    const backend = readFileSync(
      join(ROOT, 'packages/vmsplice-napi/test/transport.test.ts'),
      'utf8',
    );
    expect(backend).toContain(registration);
    const binding = readFileSync(
      join(ROOT, 'packages/linux-napi/test/linux-calls.test.ts'),
      'utf8',
    );
    expect(binding).toBe(programWith('describeLinuxCalls({'));
  });

  test('names files that are there', () => {
    const named = [...page.matchAll(/`((?:packages|apps|scripts)\/[\w./-]+)`/g)].map(
      ([, path = '']) => path,
    );
    expect(named.length).toBeGreaterThan(5);
    for (const path of named) expect(() => statSync(join(ROOT, path)), path).not.toThrow();
  });
});
