import type { SenderTerms } from '@pageferry/connection';
import { RECEIVER_WORDS } from '../layout.js';

/** What a sender asks of the connection with a receiver that reads a ring: that has no queue of its own. */
export const RING_TERMS: SenderTerms<undefined> = {
  openQueue: () => undefined,
  receiverCounters: [RECEIVER_WORDS.memoriesTaken, RECEIVER_WORDS.cursor],
};
