import { dispose, type Transport } from '@pageferry/core';
import { NotInstalled, reasonOf } from '../bindings/optional-package.js';
import type { SystemCall } from '../capabilities/system-calls.js';
import type { Probe } from '../probes/probe.js';
import { deadly } from '../probes/sparing.js';
import { loadBackend } from './load-backend.js';
import type { MeetingPlace } from './meeting-place.js';
import type { BackendEntry } from './table.js';
import { MESSAGES, type Use } from './use.js';
import { judgeZeroCopy } from './zero-copy.js';

/** What a backend is worth here. */
export interface BackendReport {
  /** The transport's name. */
  readonly name: string;
  /** True if a message came through it. */
  readonly usable: boolean;
  /** True if it hands the sender's pages over by reference on this kernel. */
  readonly zeroCopySend: boolean;
  /** True if a receiver sees the sender's own pages on this kernel. */
  readonly zeroCopyReceive: boolean;
  /** Why it is not usable, or not as good as it could be. */
  readonly reason?: string;
}

/** A {@link BackendReport}, and what follows from it. */
export interface Judgement {
  readonly report: BackendReport;
  /** The transport, where it works. */
  readonly transport?: Transport;
  /** True if it is usable, goes without a copy on one side at least, and is not slowed down. */
  readonly good: boolean;
  /** True if its package is missing. */
  readonly missing?: true;
}

/** What is known of this machine when a backend is judged. */
export interface Circumstances {
  readonly probeOf: (hop: Probe['hop']) => Promise<Probe>;
  /** Calls that end whoever makes them. */
  readonly killers: () => Promise<readonly SystemCall[]>;
  /** How large a pipe becomes here, in bytes; `undefined` where there is none. */
  readonly pipeBytes: () => number | undefined;
  /** Where a sender and a receiver can meet for a trial of a backend; `undefined` where they cannot. */
  readonly meetingPlace: (entry: BackendEntry) => Promise<MeetingPlace | undefined>;
}

/**
 * Below this many bytes in a pipe, both sides wait for each other so often that a plain socket is
 * faster (`pnpm --filter @pageferry/doctor measure:pipes`).
 */
export const ROOMY_PIPE_BYTES: number = 128 * 1024;

/** How {@link judgeBackend} judges. */
export interface JudgingOptions {
  /** Leaves out the message where the probes tell already that the backend is not `good`. Default: false. */
  readonly onlyIfGood?: boolean;
  /** What it is to be used for: the trial is of that kind. Default: a sender and receivers. */
  readonly use?: Use;
}

/** Judges one backend: loads it, looks at the probes of its hops, and sends a message through it. */
export async function judgeBackend(
  entry: BackendEntry,
  circumstances: Circumstances,
  { onlyIfGood = false, use = MESSAGES }: JudgingOptions = {},
): Promise<Judgement> {
  const { name } = entry;
  let transport: Transport;
  try {
    transport = await loadBackend(entry);
  } catch (error) {
    const missing = error instanceof NotInstalled;
    const report = unusable(name, missing ? 'not installed' : reasonOf(error));
    return { report, good: false, ...(missing ? { missing } : {}) };
  }

  const lack = use.lacks(transport.capabilities);
  if (lack !== undefined) return { report: unusable(name, lack), good: false };
  const killers = await circumstances.killers();
  const killer = entry.calls?.find((call) => killers.includes(call));
  if (killer !== undefined) return { report: unusable(name, deadly(killer)), good: false };
  const needed = await Promise.all((entry.needs ?? []).map(circumstances.probeOf));
  const lacking = needed.find(({ result }) => result === 'unavailable');
  if (lacking !== undefined) return { report: unusable(name, lacking.evidence), good: false };

  const { obstacle, ...zeroCopy } = await judgeZeroCopy(entry, transport, circumstances.probeOf);
  const reason = obstacle ?? (entry.usesPipes ? cramped(circumstances.pipeBytes()) : undefined);
  const good = (zeroCopy.zeroCopySend || zeroCopy.zeroCopyReceive) && reason === undefined;
  if (good || !onlyIfGood) {
    let place: MeetingPlace | undefined;
    try {
      place = await circumstances.meetingPlace(entry);
      if (place !== undefined) await use.attempt(transport, place);
    } catch (error) {
      return { report: unusable(name, reasonOf(error)), good: false };
    } finally {
      place?.[dispose]();
    }
  }
  const because = reason === undefined ? {} : { reason };
  return { report: { name, usable: true, ...zeroCopy, ...because }, transport, good };
}

function unusable(name: string, reason: string): BackendReport {
  return { name, usable: false, zeroCopySend: false, zeroCopyReceive: false, reason };
}

function cramped(pipeBytes: number | undefined): string | undefined {
  if (pipeBytes === undefined || pipeBytes >= ROOMY_PIPE_BYTES) return undefined;
  return `a pipe holds only ${pipeBytes / 1024} KiB here, and a socket is faster than that`;
}
