import type { Delivery, Sender, SendOutcome } from '@pageferry/core';
import type { ReceiveReport, SendReport } from './api.js';
import type { MessageCheck } from './message-check.js';
import { fillPattern } from './pattern.js';

/** What sends patterned messages. */
export interface PatternSource {
  readonly sender: Pick<Sender, 'loan'>;
  /** Number of the next message. */
  next: number;
  /** The tag of a message with this number. Default: the number. */
  readonly tagOf?: (number: number) => number;
}

/**
 * Sends one message of each length, waiting for each.
 *
 * @param blank leaves the bytes as they are.
 */
export async function sendPatterns(
  source: PatternSource,
  lengths: Iterable<number>,
  blank = false,
): Promise<SendReport> {
  const outcomes: Record<SendOutcome, number> = { sent: 0, full: 0, 'no-receiver': 0 };
  for (const byteLength of lengths) {
    const loan = await source.sender.loan(byteLength);
    if (!blank) fillPattern(loan.bytes, source.next);
    // Counted before the wait: a message under way has its number, whatever becomes of the wait.
    const number = source.next++;
    loan.tag = source.tagOf?.(number) ?? number;
    const outcome = await loan.send();
    if (outcome !== 'sent') {
      source.next = number;
      loan.release();
    }
    outcomes[outcome]++;
  }
  return { outcomes };
}

/** `count` times the same length. */
export function* repeat(count: number, byteLength: number): Iterable<number> {
  for (let index = 0; index < count; index++) yield byteLength;
}

/**
 * Receives `count` messages, or as many as come before the end.
 *
 * @param check has each of them added, by `take`.
 * @param take gets each of them, and owns it.
 */
export async function receiveEach<D extends Delivery>(
  receiver: { receive(): Promise<D | undefined> },
  count: number,
  check: MessageCheck,
  take: (delivery: D) => unknown,
): Promise<ReceiveReport> {
  for (let received = 0; received < count; received++) {
    const delivery = await receiver.receive();
    if (delivery === undefined) {
      check.ended = true;
      break;
    }
    await take(delivery);
  }
  return check.report();
}
