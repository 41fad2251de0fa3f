import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { PageferryError } from '@pageferry/core';
import { fileOfPackage, nodeChildOptions } from '@pageferry/linux';

const ours = (path: string): string | undefined => fileOfPackage('@pageferry/doctor', path);

const loader = (): string | undefined => ours(`${import.meta.dirname}/load-in-parts.js`);

/**
 * Whether the programs are there that the doctor starts: they are files beside its own, which a bundle does not have.
 */
export function hasPrograms(): boolean {
  return loader() !== undefined;
}

/**
 * Starts one of the doctor's own programs, which ends with this process ({@link endWithParent}).
 *
 * @param path see `fileOfPackage`.
 * @throws `NOT_SUPPORTED` if it is not there ({@link hasPrograms}); Node's error if it cannot be started.
 */
export async function startProgram(
  path: string,
  args: readonly string[],
  stdio: StdioOptions,
): Promise<ChildProcess> {
  const [first, program] = [loader(), ours(path)];
  if (first === undefined || program === undefined) {
    throw new PageferryError('NOT_SUPPORTED', '@pageferry/doctor was bundled without its programs');
  }
  const { execArgv, env } = nodeChildOptions();
  const words = [...execArgv, first, program, String(process.pid), ...args];
  const child = spawn(process.execPath, words, {
    stdio,
    env: { ...env, ELECTRON_RUN_AS_NODE: '1' }, // Else it would be a second application.
  });
  await once(child, 'spawn');
  child.on('error', () => {}); // It could not be killed: it has ended.
  return child;
}
