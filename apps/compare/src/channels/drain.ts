import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A process that reads what comes over a socket and forgets it. */
export interface Drain {
  /** SHA-256 of everything that came, once the socket has ended; `undefined` if not asked for. */
  readonly digest: Promise<string | undefined>;
}

/** Starts a drain that connects to a port or a path. */
export function startDrain(address: string | number, verify: boolean): Drain {
  const program = fileURLToPath(new URL('../peers/drain.js', import.meta.url));
  const child = fork(program, [String(address), verify ? 'verify' : '']);
  const digest = new Promise<string | undefined>((resolve, reject) => {
    child.once('message', (text) => resolve(text === '' ? undefined : String(text)));
    child.once('exit', (code) => reject(new Error(`the drain ended with ${code}`)));
  });
  digest.catch(() => {}); // Whoever closes the destination gets to know.
  return { digest };
}
