import type { Act } from '@pageferry/testkit/hostile';
import type { BackendName } from '../backends.js';

/** How the two sides use a connection. */
export const patterns = ['publish', 'channel', 'request'] as const;

/** One of {@link patterns}. */
export type Pattern = (typeof patterns)[number];

/** On which side the hostile peer is: it opens the endpoint, or comes to it. */
export const sides = ['comer', 'opener'] as const;

/** One of {@link sides}. */
export type Side = (typeof sides)[number];

/** What one stage plays. */
export interface Task {
  readonly seed: number;
  readonly backend: BackendName;
  readonly pattern: Pattern;
  readonly side: Side;
  /** The stage is over when the hostile peer has made so many changes, and led {@link leastLives} lives. */
  readonly changes: number;
  /** Fewer lives than this would leave out some acts. */
  readonly leastLives: number;
  /** How many connect at once in a crowd. */
  readonly crowd: number;
  /** Whether it leaves the others alone for half of the time, so that the rates can be compared. */
  readonly hasQuiet: boolean;
  /** This life alone, again and again. */
  readonly life?: number;
}

/** What the hostile peer has done. */
export interface Deeds {
  readonly lives: number;
  /** How many lives have come to a welcome. */
  readonly connected: number;
  /** How many were given up by the other side before they had left. */
  readonly givenUp: number;
  readonly changes: number;
  /** How many lives each act has had. */
  readonly acts: Readonly<Partial<Record<Act, number>>>;
}

/** What a hostile peer tells: that it begins, or leaves alone, what it is played against; and in the end what it has done. */
export type LiarSaid =
  | { readonly phase: 'hostile' | 'quiet'; readonly life: number }
  | { readonly deeds: Deeds };

/** What came of one side of honest traffic, which the other side must have seen as well. */
export interface Traffic {
  readonly sent: number;
  readonly received: number;
  readonly asked: number;
  readonly answered: number;
}

/** What an honest peer is told: where to meet, and how. */
export interface HonestTask {
  readonly task: Task;
  readonly endpoint: string;
}

/** What an honest peer tells: that it listens, what has gone wrong, and in the end what it has seen. */
export type HonestSaid =
  | { readonly ready: true }
  | { readonly fault: string }
  | { readonly traffic: Traffic };

/** What came of a stage. */
export interface StageReport {
  readonly deeds: Deeds;
  /** How many messages and answers were looked at, on both sides. */
  readonly checked: number;
  /** Messages in a second beside the hostile peer, and beside the same process while that leaves everybody alone. */
  readonly rates: { readonly hostile: number; readonly quiet: number };
  /** With which codes calls have rejected that had to do with the hostile peer. */
  readonly codes: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
}
