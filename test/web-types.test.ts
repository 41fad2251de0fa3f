import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const BACKENDS = ['shared-mmap', 'vmsplice-napi', 'vmsplice-ffi', 'socket'] as const;

/** A program that hands bytes to the web's APIs, and takes every type from its backend alone. */
const program = (backend: string): string => `
import { isPageferryError, type Delivery, type ErrorCode, type Loan, type Sender } from '@pageferry/${backend}';

export async function use(delivery: Delivery, loan: Loan, sender: Sender): Promise<ErrorCode | undefined> {
  try {
    await crypto.subtle.digest('SHA-256', delivery.bytes);
    new Blob([delivery.bytes, delivery.copy()]);
    new Response(delivery.bytes);
    crypto.getRandomValues(loan.bytes);
    await sender.send(new Float32Array(4), { tag: delivery.tag });
    await sender.send([new DataView(new ArrayBuffer(8)), delivery.bytes]);
    return undefined;
  } catch (error) {
    return isPageferryError(error) ? error.code : undefined;
  }
}
`;

const CONFIG = {
  compilerOptions: {
    target: 'es2022',
    module: 'nodenext',
    moduleResolution: 'nodenext',
    lib: ['es2023', 'dom', 'esnext.disposable'],
    types: ['node'],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
  },
};

describe('a program that hands messages to the APIs of the web', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pageferry-web-types-'));
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(CONFIG));
    for (const backend of BACKENDS) {
      const built = resolve('packages', backend, 'dist/index.js');
      const source = program(backend).replace(`@pageferry/${backend}`, built);
      writeFileSync(join(folder, `${backend}.ts`), source);
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(['typescript', 'typescript-5'])(
    'compiles with %s',
    (name) => {
      const require = createRequire(import.meta.url);
      const tsc = join(dirname(require.resolve(`${name}/package.json`)), 'bin', 'tsc');
      const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', folder], {
        encoding: 'utf8',
      });
      expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
    },
    60_000,
  );
});
