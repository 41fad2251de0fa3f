import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const built = new Map<string, Promise<string | undefined>>();

/**
 * Compiles a program of `limit/` into a folder, once.
 *
 * @returns its path, or `undefined` where there is no C compiler (`cc`, or `CC`).
 */
export function compile(name: string, folder: string): Promise<string | undefined> {
  const program = join(folder, name);
  const building = built.get(program) ?? build(name, program);
  built.set(program, building);
  return building;
}

async function build(name: string, program: string): Promise<string | undefined> {
  const source = fileURLToPath(new URL(`../../limit/${name}.c`, import.meta.url));
  try {
    await run(process.env['CC'] ?? 'cc', ['-O2', '-o', program, source]);
    return program;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
