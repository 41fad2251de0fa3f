import { DELIVERY_WORDS, SENDER } from '@pageferry/connection';
import { isPageferryError } from '@pageferry/core';
import { expectNothingLeft, fuzzRuns } from '@pageferry/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RING, SENDER_WORDS } from '../dist/layout.js';
import type { InboundMessage } from '../dist/receiving/inbound-message.js';
import { CAPACITY, openRingInbox, PAYLOAD_BYTES } from './support/ring-inbox.js';

/** Words that a check could get wrong, and any others. */
const word = fc.oneof(
  fc.constantFrom(0, 1, 2, 7, 8, 9, 63, 64, 65, -1, -2, 2 ** 31 - 1, -(2 ** 31)),
  fc.nat(2 * PAYLOAD_BYTES),
  fc.nat(29).map((bit) => 2 ** bit),
  fc.integer(),
);

/** What a sender may do between two looks of a receiver: an honest message, or words that are none. */
const deed = fc.oneof(
  fc.record({ does: fc.constant('publish' as const), byteLength: fc.nat(PAYLOAD_BYTES) }),
  fc.record({
    does: fc.constant('entry' as const),
    at: fc.nat(CAPACITY * DELIVERY_WORDS - 1),
    value: word,
  }),
  fc.record({ does: fc.constant('counter' as const), value: word }),
  fc.record({
    does: fc.constant('control' as const),
    at: fc.constantFrom(
      ...[SENDER_WORDS.ringIsLimited, SENDER_WORDS.ringLimit, SENDER_WORDS.memoriesPassed],
      SENDER.cutOff,
      SENDER.finished,
    ),
    value: word,
  }),
);

describe('the words of a sender in shared memory', () => {
  expectNothingLeft();

  test('are a message within the memory, or an error with a code, whatever they are', () => {
    let messages = 0;
    let refused = 0;
    const property = fc.property(fc.array(deed, { minLength: 1, maxLength: 12 }), (deeds) => {
      using opened = openRingInbox();
      const { inbox, producer, memory, sender } = opened;
      const taken: InboundMessage[] = [];
      for (const each of deeds) {
        if (each.does === 'publish') producer.push(each.byteLength, 0, 1 + taken.length, 0);
        else if (each.does === 'entry') memory.words[RING.entries + each.at] = each.value;
        else if (each.does === 'counter') memory.words[RING.published] = each.value;
        else sender.words[each.at] = each.value;
        try {
          const message = inbox.next();
          if (typeof message !== 'object') continue;
          taken.push(message);
          messages++;
          expect(message.bytes.length).toBe(message.byteLength);
          expect(message.byteLength).toBeLessThanOrEqual(PAYLOAD_BYTES);
          // To read outside of a mapping would end this process.
          message.bytes.at(-1);
        } catch (error) {
          if (!isPageferryError(error)) throw error;
          refused++;
        }
      }
      const numbers = taken.map(({ sequence }) => sequence);
      expect(numbers).toEqual(numbers.map((_, index) => index));
      for (const message of taken) inbox.giveBack(message);
    });
    fc.assert(property, fuzzRuns(400));
    expect(messages).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
  });
});
