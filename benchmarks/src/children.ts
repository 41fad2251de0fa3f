import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Starts a program of `peers/`. `fd` becomes its descriptor 4; `flags` are for Node. */
export function startPeer(
  name: string,
  words: readonly string[],
  fd?: number,
  flags: readonly string[] = [],
): ChildProcess {
  const stdio = [
    'inherit',
    'inherit',
    'inherit',
    'ipc',
    ...(fd === undefined ? [] : [fd]),
  ] as const;
  return fork(peerPath(name), words, {
    stdio: [...stdio],
    execArgv: [...process.execArgv, ...flags],
  });
}

/** The file of a program of `peers/`. */
export function peerPath(name: string): string {
  return fileURLToPath(new URL(`./peers/${name}.js`, import.meta.url));
}

/** Resolves when all of them have ended well; ends the others when one of them fails. */
export async function allSucceed(children: readonly ChildProcess[]): Promise<void> {
  try {
    await Promise.all(children.map(succeeds));
  } finally {
    for (const child of children) child.kill();
  }
}

async function succeeds(child: ChildProcess): Promise<void> {
  const [code, signal] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${child.spawnargs[1]} ended with ${signal ?? code}`);
}
