import { buildLimit, buildProgram, runProgram as runNumbers } from '@pageferry/benchmarks/limit';
import type { Case } from '../plan/cases.js';
import { movesOn } from '../plan/scenarios.js';
import { compile } from '../trials/compile.js';
import { runProgram } from '../trials/run-program.js';
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

/** `limit/memory_limit.c` in one of its modes. */
function memoryLimit(mode: string): CProgram['measure'] {
  return async (each, { measureMilliseconds }, { folder, signal }) => {
    const program = await compile('memory_limit', folder);
    const words = [mode, each.payloadBytes, each.receivers, measureMilliseconds];
    return runProgram(program as string, words.map(String), signal);
  };
}

/** `limit/destination_limit.c` by one of its two routes. */
function destinationLimit(route: 'splice' | 'read-write'): CProgram['measure'] {
  return async ({ scenario, payloadBytes }, { measureMilliseconds }, { folder, signal }) => {
    const program = await compile('destination_limit', folder);
    const words = [route, scenario, payloadBytes, measureMilliseconds, folder];
    return runProgram(program as string, words.map(String), signal);
  };
}

/** `shm_limit handoff` of the benchmarks, with about as many messages as fit into the time. */
const sharedHandoff: CProgram['measure'] = async ({ payloadBytes }, { measureMilliseconds }) => {
  const program = (await buildProgram('shm_limit')) as string;
  const messages = measureMilliseconds * HANDOFFS_PER_MILLISECOND;
  const slots = Math.min(64, Math.max(2, Math.ceil(SLOT_BYTES / payloadBytes)));
  const words = ['handoff', payloadBytes, messages, slots].map(String);
  const [nanoseconds = Number.NaN] = await runNumbers(program, words);
  return { messages, nanoseconds, knobs: { messages, slots } };
};

/** `shm_limit pingpong` of the benchmarks. Polled round trips are too short to time one by one. */
const sharedRoundTrips: CProgram['measure'] = async ({ waiting }, { measureMilliseconds }) => {
  const program = (await buildProgram('shm_limit')) as string;
  const polls = waiting === 'spinning';
  const messages = measureMilliseconds * (polls ? POLLED_PER_MILLISECOND : WOKEN_PER_MILLISECOND);
  const words = ['pingpong', messages, polls ? 'spin' : 'futex'].map(String);
  // The second one is the processor time of the side that begins.
  const [nanoseconds = Number.NaN, , p50, p99, p999] = await runNumbers(program, words);
  const timed = p50 !== undefined && p99 !== undefined && p999 !== undefined;
  const roundTrip = timed ? { p50, p99, p999 } : undefined;
  return { messages, nanoseconds, roundTrip, knobs: { messages, messageBytes: 0 } };
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
    async measure(each, timing, around) {
      if (each.scenario !== 'discard') return destinationLimit('splice')(each, timing, around);
      const { payloadBytes } = each;
      const limit = await buildLimit();
      if (limit === undefined) throw new Error(NO_COMPILER.reason);
      // About as many as fit into the time; the program takes a number of bytes.
      const perMillisecond = Math.min(48 * 2 ** 20, payloadBytes * 1000);
      const totalBytes = Math.max(payloadBytes, perMillisecond * timing.measureMilliseconds);
      const task = {
        path: 'discard' as const,
        messageBytes: payloadBytes,
        totalBytes,
        warmUpBytes: 0,
      };
      const pieceBytes = Math.min(PIECE, payloadBytes);
      const { bytes, nanoseconds } = await limit(task, pieceBytes);
      return { messages: bytes / payloadBytes, nanoseconds, knobs: { pieceBytes } };
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
  async prepare({ folder }) {
    const built = await Promise.all([
      compile('memory_limit', folder),
      compile('destination_limit', folder),
      buildProgram('pipe_limit'),
      buildProgram('shm_limit'),
    ]);
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
