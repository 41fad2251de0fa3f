import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const packages = fileURLToPath(new URL('../packages', import.meta.url));

/** The compiled files of every package that programs load. The suites and the testkit run in a test runner's realm. */
function shippedFiles(): string[] {
  return readdirSync(packages)
    .filter((name) => name !== 'conformance' && name !== 'testkit')
    .flatMap((name) => ['dist', 'bundle'].map((made) => join(packages, name, made)))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.js'))
        .map((file) => join(folder, file)),
    );
}

test('nothing that is shipped throws where there is no Symbol.dispose (11.18)', () => {
  const files = shippedFiles();
  expect(files.length).toBeGreaterThan(100);
  const compiledUsing = files.filter((file) =>
    readFileSync(file, 'utf8').includes('__addDisposableResource'),
  );
  expect(compiledUsing).toEqual([]);
});
