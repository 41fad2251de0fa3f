import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** A folder for this test file, removed at its end. Returns paths that were not used before. */
export function temporaryFolder(): { readonly path: string; fresh(name?: string): string } {
  const path = mkdtempSync(join(tmpdir(), 'pageferry-'));
  let count = 0;
  afterAll(() => rmSync(path, { recursive: true }));
  return { path, fresh: (name = 'endpoint') => join(path, `${name}-${count++}`) };
}
