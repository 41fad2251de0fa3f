import { join } from 'node:path';
import type { SendOutcome, Transport } from '@pageferry/core';
import { type Backend, type BackendName, backends } from '../subjects/backends.js';
import type { Task } from '../trials/task.js';

const MEBIBYTE = 1024 * 1024;
/** The longest that a transport takes, in microseconds: a wait that polls to the end. */
const FOR_EVER = 1_000_000;

/** The transport of a task. */
export function loadTransport(task: Task): Promise<Transport> {
  return backendOf(task).load();
}

/** The backend that the setting `backend` names. */
export function backendOf({ channel }: Task): Backend {
  return backends[channel.settings['backend'] as BackendName];
}

/** Where the two sides meet; `answers` is for a connection of its own. */
export function endpoints({ folder }: Task) {
  return { endpoint: join(folder, 'there'), answers: join(folder, 'back') };
}

/** Options of whoever sends. */
export function knobsOf(task: Task) {
  const { payloadBytes, underWay = 1 } = task;
  // What both sides map had better stay in the cache: no more of it than keeps both busy.
  const least = backendOf(task).throughKernel ? 64 * MEBIBYTE : 2 * MEBIBYTE;
  return { poolBytes: Math.max(least, 2 * underWay * payloadBytes), ...receiverOptions(task) };
}

/** Options of whoever receives. */
export function receiverOptions({ waiting }: Task) {
  if (waiting === undefined) return { spinMicroseconds: 100 }; // The default.
  return { spinMicroseconds: waiting === 'parked' ? 0 : FOR_EVER };
}

/** @throws if a message was not sent. */
export function expectSent(outcome: SendOutcome): void {
  if (outcome !== 'sent') throw new Error(`a message was not sent: ${outcome}`);
}
