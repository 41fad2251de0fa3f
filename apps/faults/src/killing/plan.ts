import { type BackendName, sharesMemory } from '../backends.js';
import { Random } from '../random.js';

/** How the two sides use a connection. */
export const patterns = ['publish', 'channel', 'request', 'pool'] as const;

export type Pattern = (typeof patterns)[number];

/** What one side is in the middle of when it is killed. */
export type Point =
  /** Anywhere between its start and its first message. */
  | 'handshake'
  /** It sends and receives as fast as it can. */
  | 'busy'
  /** In a message that is larger than what a pipe or a socket holds. */
  | 'large'
  /** It waits for what does not come. */
  | 'parked'
  /** It holds loans and deliveries. */
  | 'holding'
  /** Its pool allocates more memory. */
  | 'growing'
  /** Messages larger than its pool, each in memory of its own. */
  | 'own-memory'
  /** A sender keeps messages for those who join, and they join. */
  | 'history'
  /** It closes in good order. */
  | 'closing';

/** Whether the one to be killed is stopped before (SIGSTOP), and goes on before it is killed (SIGCONT). */
export type Stop = 'never' | 'killed-stopped' | 'killed-after';

/** What is to happen in one round. */
export interface Plan {
  readonly backend: BackendName;
  readonly pattern: Pattern;
  readonly round: number;
  /** Who is killed: who opens the endpoint, or who comes to it. Of a pool: the process that has it, or a worker. */
  readonly victim: 'opener' | 'comer';
  readonly point: Point;
  readonly policy: 'wait' | 'drop-newest' | 'drop-oldest';
  readonly stop: Stop;
  /** How long after the victim has come to the point it is killed, in milliseconds. */
  readonly delay: number;
  /** How long it is stopped, and goes on afterwards, in milliseconds. */
  readonly stopped: number;
  /** What the lengths of the messages depend on. */
  readonly lengths: number;
}

const POINTS = ['handshake', 'busy', 'large', 'parked', 'holding', 'growing', 'closing'] as const;
const POINTS_OF_SHARED_MEMORY = [...POINTS, 'own-memory', 'history'] as const;
const POLICIES = ['wait', 'drop-newest', 'drop-oldest'] as const;
const STOPS = ['never', 'never', 'never', 'killed-stopped', 'killed-after'] as const;

/** The plan of a round: the same for the same seed. */
export function planOf(seed: number, backend: BackendName, pattern: Pattern, round: number): Plan {
  const random = new Random(seed, backend, pattern, round);
  const isShared = sharesMemory(backend);
  const points = (isShared ? POINTS_OF_SHARED_MEMORY : POINTS).filter(
    (point) =>
      pattern === 'publish' ||
      // While a question beyond the pool is out, there is no room for an answer: two sides that ask so wait for each other.
      (point !== 'history' && !(pattern === 'request' && point === 'own-memory')),
  );
  const point = random.oneOf(points);
  return {
    backend,
    pattern,
    round,
    victim: random.oneOf(['opener', 'comer']),
    point,
    policy: isShared && pattern === 'publish' ? random.oneOf(POLICIES) : 'wait',
    stop: random.oneOf(STOPS),
    // A process takes some tens of milliseconds to start; what comes after is over in a few.
    delay: random.below(point === 'handshake' ? 60_000 : 4_000) / 1000,
    lengths: random.below(2 ** 31),
    stopped: 5 + random.below(100),
  };
}

const KIB = 1024;
const SMALL = [0, 1, 20, 100, 1000, 5000, 40, 20_000, 300, 64, 7, 4096];

/**
 * The pool of whoever sends in this round, in bytes. Questions and their answers lie there at the same time, so that two
 * sides could wait for each other where it is small.
 */
export function poolBytesOf({ point, pattern }: Plan): number {
  if (point === 'large') return (pattern === 'request' ? 32 : 8) * 1024 * KIB;
  if (point === 'growing') return 8 * 1024 * KIB;
  return 512 * KIB;
}

/** Answers differ from their questions by so much in their numbers: it is more than there are questions. */
export const ANSWER = 2 ** 24;

/** How long message `number` of this round is, in bytes. */
export function lengthOf({ point, lengths }: Plan, number: number): number {
  const random = new Random(lengths, number);
  if (point === 'large' && number % 3 === 1) return 1100 * KIB + random.below(900 * KIB);
  if (point === 'growing') return 100 * KIB + random.below(100 * KIB);
  // Answers fit into the pool: two sides that answer with what only one message has at a time wait for each other.
  const isAnswer = number >= ANSWER;
  if (point === 'own-memory' && number % 4 === 1 && !isAnswer)
    return 513 * KIB + random.below(300 * KIB);
  return random.oneOf(SMALL);
}

/** How many deliveries whoever follows a stream holds, to look at them once more later. */
export function heldOf({ point }: Plan): number {
  return point === 'own-memory' ? 0 : 2; // Memory beyond the pool is there for one message at a time.
}
