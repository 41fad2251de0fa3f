import type { LinuxCalls } from '@pageferry/linux';
import { EFD_NONBLOCK, OwnedFd, UnixSocket } from '@pageferry/linux';
import { expect } from 'vitest';
import { Child } from './child.js';

const ROUNDS = 3_000_000;
/** On a machine that is busy otherwise there are fewer rounds. */
const SECONDS = 8;
const LEAST = 50_000;

/** For the time limit of a test: far more than a race takes, in which both sides sleep for ever once a wake-up is lost. */
export const RACE_LIMIT = 120_000;

/**
 * Has two processes race parking against publishing, a program with the words `send` and `receive`, then rounds and
 * seconds; each sleeps with a {@link Sleeper}, and tells of its rounds and how often it has slept.
 *
 * @param control becomes descriptor 4 of both; 5 and 6 are the doorbells of sender and receiver, 7 is a socket.
 * @param more what becomes descriptors 8, 9, …
 */
export async function expectNoLostWakeUp(
  calls: LinuxCalls,
  program: URL,
  control: OwnedFd,
  more: readonly OwnedFd[] = [],
  words: readonly string[] = [],
): Promise<void> {
  const bells = [0, 1].map(() => new OwnedFd(calls, calls.eventfd(0, EFD_NONBLOCK)));
  const sockets = UnixSocket.pair(calls);
  const [sender, receiver] = (['send', 'receive'] as const).map((role, side) => {
    const passed = [control, ...bells, sockets[side] as UnixSocket, ...more];
    return new Child(
      program,
      [role, String(ROUNDS), String(SECONDS), ...words],
      passed.map((descriptor) => descriptor.fd),
    );
  }) as [Child, Child];
  for (const owned of [control, ...more, ...bells, ...sockets]) owned.close();
  await using _sender = sender;
  await using _receiver = receiver;
  for (const child of [receiver, sender]) {
    expect(await child.message()).toBe('ready');
    child.send('go');
  }
  for (const child of [sender, receiver]) {
    const outcome = (await child.message()) as { rounds: number; slept: number };
    expect(outcome.rounds).toBeGreaterThanOrEqual(LEAST);
    // A side that never slept was never woken.
    expect(outcome.slept).toBeGreaterThan(outcome.rounds / 100);
    expect(await child.exit).toBe(0);
  }
}
