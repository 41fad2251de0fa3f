import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { nodeChildOptions } from '@pageferry/linux';

const LOADER = fileURLToPath(new URL('./load-in-parts.js', import.meta.url));

/**
 * Starts one of the doctor's own programs, which ends with this process ({@link endWithParent}).
 *
 * @throws Node's error if it cannot be started.
 */
export async function startProgram(
  path: string,
  args: readonly string[],
  stdio: StdioOptions,
): Promise<ChildProcess> {
  const { execArgv, env } = nodeChildOptions();
  const words = [...execArgv, LOADER, path, String(process.pid), ...args];
  const child = spawn(process.execPath, words, {
    stdio,
    env: { ...env, ELECTRON_RUN_AS_NODE: '1' }, // Else it would be a second application.
  });
  await once(child, 'spawn');
  child.on('error', () => {}); // It could not be killed: it has ended.
  return child;
}
