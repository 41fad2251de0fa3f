import { type BackendName, sharesMemory } from '../backends.js';
import type { Plan } from '../killing/plan.js';
import { Random } from '../random.js';

/** What a guest does, or the house itself in the case of a pool. */
export const kinds = ['receive', 'send', 'connect', 'listen', 'pool'] as const;

export type Kind = (typeof kinds)[number];

/** One guest, from its coming to its end. */
export interface Visit {
  readonly number: number;
  readonly kind: Kind;
  /** Whether it leaves in order, or is killed. */
  readonly ending: 'leaves' | 'dies';
  /** After how many messages, or questions, it leaves. */
  readonly most: number;
  /** What is sent, and when it is killed after it has come. */
  readonly plan: Plan;
}

const STOPS = ['never', 'never', 'never', 'killed-stopped', 'killed-after'] as const;

/** Visit `number` over a backend: the same for the same seed. */
export function visitOf(seed: number, backend: BackendName, number: number): Visit {
  const random = new Random('soak', seed, backend, number);
  const kind = random.oneOf(kinds);
  const isShared = sharesMemory(backend);
  const ending = random.oneOf(['leaves', 'leaves', 'dies'] as const);
  const isStream = kind === 'receive' || kind === 'send';
  return {
    number,
    kind,
    ending,
    most: 10 + random.below(100),
    plan: {
      backend,
      round: number,
      pattern: isStream ? 'publish' : random.oneOf(['channel', 'request'] as const),
      victim: kind === 'send' || kind === 'listen' ? 'opener' : 'comer',
      point: random.oneOf(isShared ? ['busy', 'large', 'own-memory'] : ['busy', 'large']),
      policy: isStream && isShared ? random.oneOf(['wait', 'drop-newest', 'drop-oldest']) : 'wait',
      stop: random.oneOf(STOPS),
      delay: random.below(400_000) / 1000,
      lengths: random.below(2 ** 31),
      stopped: 5 + random.below(100),
    },
  };
}

/** What the sender and the listener of the house send, from the beginning to the end. */
export function homeOf(seed: number, backend: BackendName, pattern: 'publish' | 'channel'): Plan {
  const keeps = pattern === 'publish' && sharesMemory(backend);
  return {
    ...visitOf(seed, backend, 0).plan,
    pattern,
    policy: 'wait',
    point: keeps ? 'history' : pattern === 'publish' ? 'large' : 'busy',
  };
}
