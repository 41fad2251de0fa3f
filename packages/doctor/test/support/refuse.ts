import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('../refuse.c', import.meta.url));

/** A helper that was compiled, or why it was not. */
export type Helper = { readonly path: string; readonly folder: string } | { readonly why: string };

/** Compiles `refuse.c`, and tries whether this kernel takes a filter. */
export function compileRefuse(): Helper {
  if (process.platform !== 'linux') return { why: 'seccomp is for Linux' };
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-refuse-'));
  const path = join(folder, 'refuse');
  const compiler = process.env['CC'] ?? 'cc';
  try {
    execFileSync(compiler, ['-O1', '-Wall', '-o', path, SOURCE], { stdio: 'pipe' });
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (!missing) throw error;
    return { why: `there is no C compiler (${compiler})` };
  }
  const { status } = spawnSync(path, ['1', 'tee', process.execPath, '--version']);
  return status === 0 ? { path, folder } : { why: 'this kernel takes no seccomp filter' };
}
