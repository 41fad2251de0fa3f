import { runPipeLimit, runSharedLimit } from '@pageferry/measuring/limits';
import { buildProgram, NO_COMPILER } from '@pageferry/measuring/programs';
import type { Case } from '../plan/cases.js';
import { isAnswered, movesOn } from '../plan/scenarios.js';
import { runTimedProgram } from '../trials/run-program.js';
import type { Knobs, TrialReport } from '../trials/task.js';
import type { Failure, Subject, Surroundings } from './subject.js';

const PIECE = 256 * 1024;
/** Its round trips carry no payload: that compares with what fits beside a counter. */
const CACHE_LINE = 64;
const SLOT_BYTES = 1024 * 1024;
const HANDOFFS_PER_MILLISECOND = 8000;
const POLLED_PER_MILLISECOND = 5000;
const WOKEN_PER_MILLISECOND = 100;
/** So many show the pace. */
const FIRST_ROUND_TRIPS = 1000;

/** One trial, which takes about so many milliseconds. */
type Measure = (each: Case, milliseconds: number, around: Surroundings) => Promise<TrialReport>;

interface CProgram {
  readonly name: string;
  readonly kind: 'limit' | 'yardstick';
  readonly description: string;
  readonly takesPart: (each: Case) => boolean;
  /** The program in C that does the work of a case. */
  readonly programFor: (each: Case) => Measure;
}

/** `memory_limit` in one of its modes. */
function memoryLimit(mode: string): Measure {
  return ({ payloadBytes, receivers }, milliseconds, { signal }) =>
    runTimedProgram('memory_limit', [mode, payloadBytes, receivers, milliseconds], signal);
}

/** `destination_limit` by one of its two routes. */
function destinationLimit(route: 'splice' | 'read-write'): Measure {
  return ({ scenario, payloadBytes }, milliseconds, { folder, signal }) => {
    const words = [route, scenario, payloadBytes, milliseconds, folder];
    return runTimedProgram('destination_limit', words, signal);
  };
}

/** `shm_limit handoff`, with about as many messages as fit into the time. */
const sharedHandoff: Measure = async ({ payloadBytes }, milliseconds, { signal }) => {
  const messages = milliseconds * HANDOFFS_PER_MILLISECOND;
  const slots = Math.min(64, Math.max(2, Math.ceil(SLOT_BYTES / payloadBytes)));
  const { nanoseconds } = await runSharedLimit(['handoff', payloadBytes, messages, slots], signal);
  return { messages, nanoseconds, knobs: { messages, slots } };
};

/**
 * `shm_limit pingpong`: as many round trips as fit into the time for the mean, and as many again that are timed one by
 * one. A few come first: on a busy machine each may take a thousand times as long as on a quiet one.
 */
const sharedRoundTrips: Measure = async ({ waiting }, milliseconds, { signal }) => {
  const polls = waiting !== 'parked';
  const run = (count: number) =>
    runSharedLimit(['pingpong', count, polls ? 'spin' : 'futex'], signal);
  const first = await run(FIRST_ROUND_TRIPS);
  const messages = roundTripsIn(milliseconds, first.nanoseconds / FIRST_ROUND_TRIPS, polls);
  const { nanoseconds, roundTrip } = await run(messages);
  return { messages, nanoseconds, roundTrip, knobs: { messages, messageBytes: 0 } };
};

/** How many round trips of this pace fit into the time: enough for a tail, and no more than there is use for. */
export function roundTripsIn(milliseconds: number, nanoseconds: number, polls: boolean): number {
  const most = milliseconds * (polls ? POLLED_PER_MILLISECOND : WOKEN_PER_MILLISECOND);
  const fitting = Math.round((milliseconds * 1e6) / nanoseconds);
  return Math.max(FIRST_ROUND_TRIPS, Math.min(most, fitting));
}

/** `pipe_limit splice`, with about as many messages as fit into the time: it wants a number of bytes. */
const spliceToNothing: Measure = async ({ payloadBytes }, milliseconds, { signal }) => {
  const perMillisecond = Math.min(48 * 2 ** 20, payloadBytes * 1000);
  const totalBytes = Math.max(payloadBytes, perMillisecond * milliseconds);
  const pieceBytes = Math.min(PIECE, payloadBytes);
  const work = { receive: 'splice', messageBytes: payloadBytes, pieceBytes, totalBytes } as const;
  const { bytes, nanoseconds } = await runPipeLimit(work, signal);
  return { messages: bytes / payloadBytes, nanoseconds, knobs: { pieceBytes } };
};

const PROGRAMS: readonly CProgram[] = [
  {
    name: 'c-shared-memory',
    kind: 'limit',
    description: 'C: two processes and one shared mapping',
    takesPart: ({ scenario, payloadBytes, underWay = 1 }) =>
      ['handoff', 'work', 'fan-out'].includes(scenario) ||
      (isAnswered(scenario) && payloadBytes <= CACHE_LINE && underWay === 1),
    programFor({ scenario }) {
      if (scenario === 'handoff') return sharedHandoff;
      return isAnswered(scenario) ? sharedRoundTrips : memoryLimit('work');
    },
  },
  {
    name: 'c-splice',
    kind: 'limit',
    description: 'C: vmsplice, then splice',
    takesPart: ({ scenario }) => movesOn(scenario),
    programFor: ({ scenario }) =>
      scenario === 'discard' ? spliceToNothing : destinationLimit('splice'),
  },
  {
    name: 'c-read-write',
    kind: 'limit',
    description: 'C: vmsplice, then read and write',
    takesPart: ({ scenario }) => movesOn(scenario) && scenario !== 'discard',
    programFor: () => destinationLimit('read-write'),
  },
  {
    name: 'c-socket',
    kind: 'limit',
    description: 'C: a Unix socket, both sides asleep in read(2)',
    takesPart: ({ scenario, waiting }) => scenario === 'rtt' && waiting === 'parked',
    programFor: () => memoryLimit('socket-rtt'),
  },
  {
    name: 'memcpy',
    kind: 'yardstick',
    description: 'C: one process copies memory, nobody else is there',
    takesPart: ({ scenario }) => scenario === 'work',
    programFor: () => memoryLimit('memcpy'),
  },
];

/** The programs in C. */
export const limitSubjects: readonly Subject[] = PROGRAMS.map(({ programFor, ...about }) => ({
  ...about,
  settings: {} as Knobs,
  async prepare() {
    const names = ['memory_limit', 'destination_limit', 'pipe_limit', 'shm_limit'] as const;
    const built = await Promise.all(names.map(buildProgram));
    return built.includes(undefined) ? { kind: 'not built', reason: NO_COMPILER } : undefined;
  },
  async verify() {
    return undefined; // They scan what they move, or move what nobody scans.
  },
  measure: (each, { measureMilliseconds }, around) =>
    programFor(each)(each, measureMilliseconds, around).catch((error: Error): Failure => {
      around.signal.throwIfAborted();
      return { kind: 'failed', reason: error.message };
    }),
}));
