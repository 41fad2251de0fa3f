import { type Inspected, inspect as inspectOver } from '@pageferry/connection';
import { checkOptions, type WaitOptions } from '@pageferry/core';
import type { Binding } from '@pageferry/linux';
import { loadBinding } from './binding.js';

/** Options of {@link inspect}. */
export interface InspectOptions extends WaitOptions {
  /** Who makes the system calls. Default: `'napi'`, or `'ffi'` where only that loads. */
  readonly binding?: Binding | undefined;
}

/**
 * Asks whoever listens at an endpoint of this user for its counters: how much it has sent, to whom, and who is behind.
 * That makes no receiver, and no message is touched. Senders and listeners of every transport of Pageferry answer;
 * those in other languages say which transport they have, and no more.
 *
 * @param endpoint a path or a name.
 * @param options `timeout` is 1000 unless it is said: who holds its event loop does not answer.
 * @returns `undefined` if nobody listens there.
 * @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`, `ENDPOINT_TOO_LONG`, `ENDPOINT_FORBIDDEN` for another user's,
 *   `NOT_PAGEFERRY`, `VERSION_MISMATCH`, `PEER_REJECTED`, `PEER_DIED` if it hangs up without an answer, `PEER_MISBEHAVED`,
 *   `TIMEOUT`, `ABORTED`, `SYSTEM_CALL_FAILED`, `BINDING_UNAVAILABLE`.
 */
export async function inspect(
  endpoint: string,
  options: InspectOptions = {},
): Promise<Inspected | undefined> {
  const { binding, ...limits } = checkOptions(options, ['signal', 'timeout', 'binding']);
  return inspectOver(await loadBinding(binding), endpoint, limits);
}
