import { ConnectionFailures, LoopBudget, Presence } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';
import { AdaptiveWaits } from './waiting/adaptive-waits.js';

/** What a sender and its outbox share. */
export interface SenderParts {
  readonly budget: LoopBudget;
  readonly waits: AdaptiveWaits;
  readonly presence: Presence;
  readonly failures: ConnectionFailures;
}

/**
 * The parts that every Linux mechanism's sender hands to its base class, and to its outbox.
 *
 * @param arm tells the other side that this one is about to park.
 */
export function createSenderParts(
  calls: LinuxCalls,
  spinMicroseconds: number,
  arm: () => void,
): SenderParts {
  const budget = new LoopBudget(spinMicroseconds);
  return {
    budget,
    waits: new AdaptiveWaits({ calls, budget, spinMicroseconds, arm }),
    presence: new Presence(),
    failures: new ConnectionFailures(),
  };
}
