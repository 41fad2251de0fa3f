import { runPipeLimit, runSharedLimit } from '@pageferry/measuring/limits';
import { buildProgram } from '@pageferry/measuring/programs';
import type { Case } from '../plan/cases.js';
import { movesOn } from '../plan/scenarios.js';
import { runTimedProgram } from '../trials/run-program.js';
import type { Knobs, TrialReport } from '../trials/task.js';
import type { Failure, Subject, Surroundings, Timing } from './subject.js';

const NO_COMPILER: Failure = { kind: 'not built', reason: 'there is no C compiler (cc, or CC)' };
const PIECE = 256 * 1024;
/** Its round trips carry no payload: that compares with what fits beside a counter. */
const CACHE_LINE = 64;
const SLOT_BYTES = 1024 * 1024;
const HANDOFFS_PER_MILLISECOND = 8000;
const POLLED_PER_MILLISECOND = 5000;
const WOKEN_PER_MILLISECOND = 20;

interface CProgram {
  readonly name: string;
  readonly kind: 'limit' | 'yardstick';
  readonly description: string;
  readonly takesPart: (each: Case) => boolean;
  readonly measure: (each: Case, timing: Timing, around: Surroundings) => Promise<TrialReport>;
}

/** `memory_limit` in one of its modes. */
function memoryLimit(mode: string): CProgram['measure'] {
  return ({ payloadBytes, receivers }, { measureMilliseconds }, { signal }) =>
    runTimedProgram('memory_limit', [mode, payloadBytes, receivers, measureMilliseconds], signal);
}

/** `destination_limit` by one of its two routes. */
function destinationLimit(route: 'splice' | 'read-write'): CProgram['measure'] {
  return ({ scenario, payloadBytes }, { measureMilliseconds }, { folder, signal }) => {
    const words = [route, scenario, payloadBytes, measureMilliseconds, folder];
    return runTimedProgram('destination_limit', words, signal);
  };
}

/** `shm_limit handoff`, with about as many messages as fit into the time. */
const sharedHandoff: CProgram['measure'] = async (
  { payloadBytes },
  { measureMilliseconds },
  { signal },
) => {
  const program = (await buildProgram('shm_limit')) as string;
  const messages = measureMilliseconds * HANDOFFS_PER_MILLISECOND;
  const slots = Math.min(64, Math.max(2, Math.ceil(SLOT_BYTES / payloadBytes)));
  const words = ['handoff', payloadBytes, messages, slots];
  const { nanoseconds } = await runSharedLimit(program, words, signal);
  return { messages, nanoseconds, knobs: { messages, slots } };
};

/** `shm_limit pingpong`. Polled round trips are too short to time one by one. */
const sharedRoundTrips: CProgram['measure'] = async (
  { waiting },
  { measureMilliseconds },
  { signal },
) => {
  const program = (await buildProgram('shm_limit')) as string;
  const polls = waiting === 'spinning';
  const messages = measureMilliseconds * (polls ? POLLED_PER_MILLISECOND : WOKEN_PER_MILLISECOND);
  const words = ['pingpong', messages, polls ? 'spin' : 'futex'];
  const { nanoseconds, roundTrip } = await runSharedLimit(program, words, signal);
  return { messages, nanoseconds, roundTrip, knobs: { messages, messageBytes: 0 } };
};

/** `pipe_limit splice`, with about as many messages as fit into the time: it wants a number of bytes. */
const splicedAway: CProgram['measure'] = async (
  { payloadBytes },
  { measureMilliseconds },
  { signal },
) => {
  const program = (await buildProgram('pipe_limit')) as string;
  const perMillisecond = Math.min(48 * 2 ** 20, payloadBytes * 1000);
  const totalBytes = Math.max(payloadBytes, perMillisecond * measureMilliseconds);
  const pieceBytes = Math.min(PIECE, payloadBytes);
  const work = { receive: 'splice', messageBytes: payloadBytes, pieceBytes, totalBytes } as const;
  const { bytes, nanoseconds } = await runPipeLimit(program, work, signal);
  return { messages: bytes / payloadBytes, nanoseconds, knobs: { pieceBytes } };
};

const PROGRAMS: readonly CProgram[] = [
  {
    name: 'c-shared-memory',
    kind: 'limit',
    description: 'C: two processes and one shared mapping',
    takesPart: ({ scenario, payloadBytes }) =>
      ['handoff', 'work', 'fan-out'].includes(scenario) ||
      (scenario === 'rtt' && payloadBytes <= CACHE_LINE),
    measure(each, timing, around) {
      if (each.scenario === 'handoff') return sharedHandoff(each, timing, around);
      if (each.scenario === 'rtt') return sharedRoundTrips(each, timing, around);
      return memoryLimit('work')(each, timing, around);
    },
  },
  {
    name: 'c-splice',
    kind: 'limit',
    description: 'C: vmsplice, then splice',
    takesPart: ({ scenario }) => movesOn(scenario),
    measure(each, timing, around) {
      const moved = each.scenario === 'discard' ? splicedAway : destinationLimit('splice');
      return moved(each, timing, around);
    },
  },
  {
    name: 'c-read-write',
    kind: 'limit',
    description: 'C: vmsplice, then read and write',
    takesPart: ({ scenario }) => movesOn(scenario) && scenario !== 'discard',
    measure: destinationLimit('read-write'),
  },
  {
    name: 'c-socket',
    kind: 'limit',
    description: 'C: a Unix socket, both sides asleep in read(2)',
    takesPart: ({ scenario, waiting }) => scenario === 'rtt' && waiting === 'parked',
    measure: memoryLimit('socket-rtt'),
  },
  {
    name: 'memcpy',
    kind: 'yardstick',
    description: 'C: one process copies memory, nobody else is there',
    takesPart: ({ scenario }) => scenario === 'work',
    measure: memoryLimit('memcpy'),
  },
];

/** The programs in C. */
export const limitSubjects: readonly Subject[] = PROGRAMS.map((program) => ({
  ...program,
  settings: {} as Knobs,
  async prepare() {
    const names = ['memory_limit', 'destination_limit', 'pipe_limit', 'shm_limit'] as const;
    const built = await Promise.all(names.map(buildProgram));
    return built.includes(undefined) ? NO_COMPILER : undefined;
  },
  async verify() {
    return undefined; // They scan what they move, or move what nobody scans.
  },
  measure: (each, timing, around) =>
    program.measure(each, timing, around).catch((error: Error): Failure => {
      around.signal.throwIfAborted();
      return { kind: 'failed', reason: error.message };
    }),
}));
