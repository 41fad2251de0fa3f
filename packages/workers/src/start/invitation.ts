import process from 'node:process';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import type { ChannelSettings } from './mechanism.js';

/** What a child is told. */
export interface Invitation {
  readonly endpoint: string;
  /** What it is called. */
  readonly transport: string;
  /** What exports it. */
  readonly module: string;
  /** What its side of the channel takes. */
  readonly channel: ChannelSettings | undefined;
  /** Of a thread: set to 1 once it owns the descriptor in `endpoint`. */
  readonly taken?: SharedArrayBuffer;
}

/** The environment variable of a process, and the environment data of a thread. */
const KEY = 'PAGEFERRY_PARENT';

/** The environment of a child process. */
export function environmentWith(
  environment: NodeJS.ProcessEnv,
  invitation: Invitation,
): NodeJS.ProcessEnv {
  return { ...environment, [KEY]: JSON.stringify(invitation) };
}

/** Runs `start`, which starts a thread: it, and no other thread, finds the invitation. */
export function inviting<T>(invitation: Invitation, start: () => T): T {
  const own = getEnvironmentData(KEY);
  setEnvironmentData(KEY, invitation as never);
  try {
    return start();
  } finally {
    setEnvironmentData(KEY, own);
  }
}

/** What this process or thread was told, once: its own children are not to find it. */
export function takeInvitation(): Invitation | undefined {
  if (!isMainThread) {
    const invitation = getEnvironmentData(KEY) as unknown as Invitation | undefined;
    setEnvironmentData(KEY, undefined as never);
    return invitation;
  }
  const text = process.env[KEY];
  delete process.env[KEY];
  return text === undefined ? undefined : (JSON.parse(text) as Invitation);
}
