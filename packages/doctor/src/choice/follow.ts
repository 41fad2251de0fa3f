import {
  clock,
  isPageferryError,
  type PageferryError,
  type Transport,
  type WaitOptions,
  withDeadline,
} from '@pageferry/core';
import { loadBackend } from '../backends/load-backend.js';
import { type BackendEntry, FALLBACK } from '../backends/table.js';
import type { Use } from '../backends/use.js';
import { reasonOf } from '../bindings/optional-package.js';
import {
  type ChoiceOptions,
  candidates,
  noneIsLeft,
  type TransportChoice,
} from './choose-transport.js';
import { tellOfCopies, warnOfCopies } from './warn-of-copies.js';

/** What every side that connects can be told. */
interface Destination extends WaitOptions {
  readonly endpoint: string;
}

/** A side that connects to one which has chosen the transport. */
export interface Follower<O extends Destination, T> {
  readonly use: Use;
  /** Connects over one transport. */
  readonly open: (transport: Transport, options: O) => Promise<T>;
  /** What the other side is called. */
  readonly chooser: string;
  /** What was waited for in vain, in words. */
  readonly nobodyAt: (endpoint: string) => string;
}

/** What a {@link Follower} has opened, and over which transport. */
export interface Followed<T> extends TransportChoice {
  readonly opened: T;
}

/** What another transport at the other side looks like, and a transport that cannot be used. */
const TRY_THE_NEXT = new Set(['TRANSPORT_MISMATCH', 'NOT_PAGEFERRY', 'BINDING_UNAVAILABLE']);

/**
 * Connects over whatever transport the other side has chosen: knocks with each backend in turn until one is
 * answered.
 *
 * @throws what ends the search, or the most telling of the errors that did not.
 */
export async function follow<O extends Destination, T>(
  follower: Follower<O, T>,
  { prefer, warn }: ChoiceOptions,
  options: O,
): Promise<Followed<T>> {
  const entries = candidates({ prefer, warn });
  const started = clock.now();
  const search = async (signal: AbortSignal | undefined): Promise<Followed<T>> => {
    const reasons: string[] = [];
    const errors: PageferryError[] = [];
    for (const entry of entries) {
      if (signal?.aborted) throw signal.reason;
      // Each attempt has the time that is left: it knows best what it has waited for.
      const answer = await knock(entry, follower, withTimeLeft(options, clock.now() - started));
      if ('opened' in answer) {
        if (entry === FALLBACK && reasons.length > 0) {
          const { endpoint } = options;
          tellOfCopies(reasons, endpoint);
          const what = `Messages are copied: the ${follower.chooser} at ${endpoint} does so`;
          if (warn !== false) warnOfCopies(what, reasons);
        }
        return { ...answer, name: entry.name, reasons: [...reasons, `${entry.name}: it answers`] };
      }
      reasons.push(`${entry.name}: ${reasonOf(answer)}`);
      if (isPageferryError(answer)) errors.push(answer);
    }
    throw mostTelling(errors) ?? noneIsLeft(reasons);
  };
  return await withDeadline(options, search, () => follower.nobodyAt(options.endpoint));
}

function withTimeLeft<O extends WaitOptions>(options: O, elapsed: number): O {
  const { timeout } = options;
  if (timeout === undefined) return options;
  return { ...options, timeout: Math.max(0, Math.ceil(timeout - elapsed)) };
}

/** What kept a backend from being tried comes first; then another side that names its transport. */
function mostTelling(errors: readonly PageferryError[]): PageferryError | undefined {
  for (const code of ['SYSTEM_CALL_FAILED', 'TRANSPORT_MISMATCH']) {
    const error = errors.find((each) => each.code === code);
    if (error !== undefined) return error;
  }
  return errors.at(-1);
}

/** Tries one backend: what it has opened, or why to try the next one. Throws what ends the search. */
async function knock<O extends Destination, T>(
  entry: BackendEntry,
  { use, open }: Follower<O, T>,
  options: O,
): Promise<{ readonly transport: Transport; readonly opened: T } | Error> {
  let transport: Transport;
  try {
    transport = await loadBackend(entry);
  } catch (error) {
    return error as Error;
  }
  const lack = use.lacks(transport.capabilities);
  if (lack !== undefined) return new Error(lack);
  try {
    return { transport, opened: await open(transport, options) };
  } catch (error) {
    // Another side that says nothing, too: it may be busy, and no other transport would hear more.
    if (isPageferryError(error) && TRY_THE_NEXT.has(error.code)) return error;
    throw error;
  }
}
