import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** A child has ended, and not as it should. */
export class ChildEnded extends Error {
  /**
   * @param what the child is to people.
   * @param how its exit code, or the signal that ended it.
   */
  constructor(what: string, how: number | NodeJS.Signals | null) {
    super(`${what} ended with ${how}`);
  }
}

/**
 * Resolves when all of them have ended well; ends the others when one of them fails.
 *
 * @throws {ChildEnded} for the first one that fails.
 */
export async function allSucceed(children: readonly ChildProcess[]): Promise<void> {
  try {
    await Promise.all(children.map(succeeds));
  } finally {
    for (const child of children) child.kill();
  }
}

async function succeeds(child: ChildProcess): Promise<void> {
  const [code, signal] = await once(child, 'exit');
  if (code !== 0) throw new ChildEnded(`${child.spawnargs[1]}`, signal ?? code);
}

/**
 * The next message of a child.
 *
 * @param what the child is to people.
 * @throws {ChildEnded} if it ends without one, however it ends.
 * @throws an AbortError when `signal` fires.
 */
export async function nextMessage(
  child: ChildProcess,
  what: string,
  signal?: AbortSignal,
): Promise<unknown> {
  const options = signal && { signal };
  return Promise.race([
    once(child, 'message', options).then(([message]) => message),
    once(child, 'exit', options).then(([code, name]) => {
      throw new ChildEnded(what, name ?? code);
    }),
  ]);
}

/** What a child has to say from now on, as it comes. */
export function collectMessages<Message>(child: ChildProcess): Message[] {
  const messages: Message[] = [];
  child.on('message', (message) => messages.push(message as Message));
  return messages;
}
