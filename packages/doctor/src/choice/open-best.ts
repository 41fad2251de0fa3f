import {
  clock,
  isPageferryError,
  noSenderAt,
  type PageferryError,
  type Receiver,
  type ReceiverOptions,
  type Sender,
  type SenderOptions,
  type Transport,
  withDeadline,
} from '@pageferry/core';
import { loadBackend } from '../backends/load-backend.js';
import { type BackendEntry, FALLBACK } from '../backends/table.js';
import { reasonOf } from '../bindings/optional-package.js';
import {
  type ChoiceOptions,
  candidates,
  chooseTransport,
  type TransportChoice,
} from './choose-transport.js';
import { warnOfCopies } from './warn-of-copies.js';

/** A sender over the transport that was chosen. */
export interface BestSender extends TransportChoice {
  /** The caller's to close. */
  readonly sender: Sender;
}

/** A receiver over the transport that its sender uses. */
export interface BestReceiver extends TransportChoice {
  /** The caller's to close. */
  readonly receiver: Receiver;
}

/**
 * Opens a sender over the transport that {@link chooseTransport} chooses.
 *
 * @example
 * const { sender, name } = await openBestSender({ endpoint: '/run/user/1000/ferry.sock' });
 *
 * @throws as `chooseTransport` and `Transport.createSender`.
 */
export async function openBestSender({
  prefer,
  warn,
  ...options
}: SenderOptions & ChoiceOptions): Promise<BestSender> {
  const choice = await chooseTransport({ prefer, warn });
  return { ...choice, sender: await choice.transport.createSender(options) };
}

/** What a sender of another transport looks like to a receiver, and a transport that cannot be used. */
const TRY_THE_NEXT = new Set(['TRANSPORT_MISMATCH', 'NOT_PAGEFERRY', 'BINDING_UNAVAILABLE']);

/**
 * Opens a receiver over whatever transport the sender at the endpoint uses. The sender chooses, by
 * {@link openBestSender} or by name: the receiver knocks with each installed backend in turn until one
 * is answered. Waits for the sender to appear, so the two may start in either order.
 *
 * @throws as `Transport.createReceiver`: `NOT_PAGEFERRY` if no backend is answered, and
 *   `TRANSPORT_MISMATCH` if the sender names one that is not installed here.
 */
export async function openBestReceiver({
  prefer,
  warn,
  ...options
}: ReceiverOptions & ChoiceOptions): Promise<BestReceiver> {
  const entries = candidates({ prefer, warn });
  const started = clock.now();
  const search = async (signal: AbortSignal | undefined): Promise<BestReceiver> => {
    const reasons: string[] = [];
    const errors: PageferryError[] = [];
    for (const entry of entries) {
      if (signal?.aborted) throw signal.reason;
      // Each attempt has the time that is left: it knows best what it has waited for.
      const answer = await knock(entry, withTimeLeft(options, clock.now() - started));
      if ('receiver' in answer) {
        if (entry === FALLBACK && reasons.length > 0 && warn !== false) {
          warnOfCopies(`Messages are copied: the sender at ${options.endpoint} does so`, reasons);
        }
        return { ...answer, name: entry.name, reasons: [...reasons, `${entry.name}: it answers`] };
      }
      reasons.push(`${entry.name}: ${reasonOf(answer)}`);
      if (isPageferryError(answer)) errors.push(answer);
    }
    throw mostTelling(errors);
  };
  return await withDeadline(options, search, () => noSenderAt(options.endpoint));
}

function withTimeLeft(options: ReceiverOptions, elapsed: number): ReceiverOptions {
  const { timeout } = options;
  if (timeout === undefined) return options;
  return { ...options, timeout: Math.max(0, Math.ceil(timeout - elapsed)) };
}

/** What kept a backend from being tried comes first; then a sender that names its transport. */
function mostTelling(errors: readonly PageferryError[]): unknown {
  for (const code of ['SYSTEM_CALL_FAILED', 'TRANSPORT_MISMATCH']) {
    const error = errors.find((each) => each.code === code);
    if (error !== undefined) return error;
  }
  return errors.at(-1);
}

/** Tries one backend: a receiver, or why to try the next one. Throws what ends the search. */
async function knock(
  entry: BackendEntry,
  options: ReceiverOptions,
): Promise<Pick<BestReceiver, 'transport' | 'receiver'> | Error> {
  let transport: Transport;
  try {
    transport = await loadBackend(entry);
  } catch (error) {
    return error as Error;
  }
  try {
    return { transport, receiver: await transport.createReceiver(options) };
  } catch (error) {
    // A sender that says nothing, too: it may be busy, and no other transport would hear more.
    if (isPageferryError(error) && TRY_THE_NEXT.has(error.code)) return error;
    throw error;
  }
}
