import { Random } from '../random.js';

/** What is killed in a round. With both at once the bridge finds the server as a restart has left it. */
export const victims = ['server', 'bridge', 'receiver', 'server and bridge'] as const;

export type BridgeVictim = (typeof victims)[number];

/** What is to happen in a round: all of it follows from the seed and the number of the round. */
export interface BridgePlan {
  readonly round: number;
  readonly victim: BridgeVictim;
  /** How many messages have to arrive first. */
  readonly after: number;
  /** How long to wait then, and before what was killed is started again, in milliseconds. */
  readonly delay: number;
  readonly away: number;
}

/**
 * The plan of a round.
 *
 * @param among what may be killed.
 */
export function planOf(
  seed: number,
  round: number,
  among: readonly BridgeVictim[] = victims,
): BridgePlan {
  const random = new Random(seed, 'bridge', round);
  const victim = random.oneOf(among);
  return {
    round,
    victim,
    after: 1 + random.below(60),
    delay: random.below(20),
    away: random.below(50),
  };
}

/** Whether there is a victim of this name. */
export function isVictim(name: string): name is BridgeVictim {
  return (victims as readonly string[]).includes(name);
}

/** The length of a message in bytes: mostly short, now and then longer than the server takes at once. */
export function lengthOf(seed: number, number: number): number {
  const random = new Random(seed, 'length', number);
  const kind = random.below(16);
  if (kind === 0) return 500_000 + random.below(2_500_000);
  return kind < 6 ? random.below(40) : random.below(30_000);
}
