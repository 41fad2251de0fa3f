import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { nextMessage } from '@pageferry/measuring/children';

/** A process that reads what comes over a socket and forgets it. */
export interface Drain {
  /** SHA-256 of everything that came, once the socket has ended; `undefined` if not asked for. */
  readonly digest: Promise<string | undefined>;
}

/** Starts a drain that connects to a port or a path. */
export function startDrain(address: string | number, verify: boolean): Drain {
  const program = fileURLToPath(new URL('../peers/drain.js', import.meta.url));
  const child = fork(program, [String(address), verify ? 'verify' : '']);
  const digest = nextMessage(child, 'the drain').then((text) => String(text) || undefined);
  digest.catch(() => {}); // Whoever closes the destination gets to know.
  return { digest };
}
