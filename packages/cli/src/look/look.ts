import { readFileSync } from 'node:fs';
import { type ErrorCode, type Inspection, isPageferryError } from '@pageferry/core';
import { inspect } from '@pageferry/shared-mmap';
import type { FoundEndpoint } from './endpoints.js';

/**
 * What was found at an endpoint:
 *
 * - `open`: it has told its counters.
 * - `untold`: somebody listens, and knows no inspections.
 * - `silent`: somebody listens, and does not answer: it is stopped, or holds its event loop.
 * - `closed`: nobody listens.
 * - `unknown`: it is none of Pageferry's, or not this user's.
 */
export type State = 'open' | 'untold' | 'silent' | 'closed' | 'unknown';

/** An endpoint, and what is known of it. */
export interface Look {
  readonly name: string;
  readonly state: State;
  /** The transport, without what tells channels from senders. */
  readonly transport?: string | undefined;
  /** `sender` or `listener`. */
  readonly side?: string | undefined;
  readonly pid?: number | undefined;
  readonly uid?: number | undefined;
  /** What the process is called. */
  readonly command?: string | undefined;
  readonly report?: Inspection | undefined;
  /** Why there is no report. */
  readonly why?: string | undefined;
  readonly code?: ErrorCode | undefined;
  /** Messages a second, since the look before; those of both directions of channels. */
  readonly messagesPerSecond?: number | undefined;
  readonly bytesPerSecond?: number | undefined;
}

const CHANNEL = '-channel';

/** Looks at endpoints, and remembers what it saw: the next look has rates. */
export class Looker {
  readonly #timeout: number;
  readonly #seen = new Map<string, Inspection>();

  /** @param timeout for how long to wait for each answer, in milliseconds. */
  constructor(timeout: number) {
    this.#timeout = Math.ceil(timeout);
  }

  /** Looks at all of them at once. */
  async look(endpoints: readonly FoundEndpoint[], signal?: AbortSignal): Promise<readonly Look[]> {
    return await Promise.all(endpoints.map((each) => this.#lookAt(each, signal)));
  }

  async #lookAt({ endpoint, name }: FoundEndpoint, signal?: AbortSignal): Promise<Look> {
    try {
      const found = await inspect(endpoint, { timeout: this.#timeout, ...(signal && { signal }) });
      if (found === undefined) {
        this.#seen.delete(endpoint);
        return { name, state: 'closed' };
      }
      const { credentials, mechanism, report } = found;
      const isChannel = mechanism.endsWith(CHANNEL);
      const known = {
        name,
        transport: isChannel ? mechanism.slice(0, -CHANNEL.length) : mechanism,
        side: isChannel ? 'listener' : 'sender',
        pid: credentials.pid,
        uid: credentials.uid,
        command: commandOf(credentials.pid),
      };
      if (report === undefined) {
        return { ...known, state: 'untold', why: 'it knows no inspections' };
      }
      const before = this.#seen.get(endpoint);
      this.#seen.set(endpoint, report);
      return { ...known, state: 'open', report, ...ratesOf(report, before) };
    } catch (error) {
      if (!isPageferryError(error)) throw error;
      if (signal?.aborted) throw error;
      const { code, message } = error;
      return { name, state: code === 'TIMEOUT' ? 'silent' : 'unknown', why: message, code };
    }
  }
}

/** What has changed between two looks at one process; nothing if it is another one. */
function ratesOf(
  now: Inspection,
  before: Inspection | undefined,
): Pick<Look, 'messagesPerSecond' | 'bytesPerSecond'> {
  if (before === undefined || before.pid !== now.pid) return {};
  const seconds = (now.at - before.at) / 1000;
  const messages = messagesOf(now) - messagesOf(before);
  const bytes = bytesOf(now) - bytesOf(before);
  if (seconds <= 0 || messages < 0 || bytes < 0) return {};
  return { messagesPerSecond: messages / seconds, bytesPerSecond: bytes / seconds };
}

function messagesOf({ counters }: Inspection): number {
  return counters.messagesSent + (counters.messagesReceived ?? 0);
}

function bytesOf({ counters }: Inspection): number {
  return counters.bytesSent + (counters.bytesReceived ?? 0);
}

/** How many messages the furthest peer is behind. */
export function behindOf({ report }: Look): number | undefined {
  return report && Math.max(0, ...report.peers.map(({ messagesBehind = 0 }) => messagesBehind));
}

function commandOf(pid: number | undefined): string | undefined {
  if (pid === undefined) return undefined;
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return words.join(' ').trim() || undefined;
  } catch {
    return undefined;
  }
}
