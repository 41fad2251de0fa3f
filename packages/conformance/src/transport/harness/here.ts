import type { Delivery, Loan, Receiver, Sender, SendOutcome } from '@pageferry/core';
import { expect } from 'vitest';
import type { ReceiveReport } from '../peers/api.js';
import { MessageCheck } from '../peers/message-check.js';
import { fillPattern, findMismatch } from '../peers/pattern.js';
import { receiveEach } from '../peers/pattern-stream.js';

/** Lends memory and fills it with the pattern of message `sequence`. */
export async function filledLoan(
  sender: Sender,
  byteLength: number,
  sequence: number,
): Promise<Loan> {
  const loan = await sender.loan(byteLength);
  fillPattern(loan.bytes, sequence);
  return loan;
}

/** Sends message `sequence` with its pattern. */
export async function sendPatterned(
  sender: Sender,
  byteLength: number,
  sequence: number,
): Promise<SendOutcome> {
  return (await filledLoan(sender, byteLength, sequence)).send();
}

/** Receives, checks and releases `count` messages, or all until the end. */
export function receiveChecked(
  receiver: Receiver,
  count = Number.POSITIVE_INFINITY,
): Promise<ReceiveReport> {
  const check = new MessageCheck();
  return receiveEach(receiver, count, check, (delivery) => {
    check.add(delivery);
    delivery.release();
  });
}

/** Receives the next message, which must come, and leaves it with the caller. */
export async function receiveOne<D extends Delivery>(receiver: {
  receive(): Promise<D | undefined>;
}): Promise<D> {
  const delivery = await receiver.receive();
  if (delivery === undefined) throw new Error('the end came instead of a message');
  return delivery;
}

/** Expects a delivery to be right in every byte. */
export function expectIntact(delivery: Delivery): void {
  expect(findMismatch(delivery.bytes, delivery.sequence, delivery.offset)).toBe(-1);
}
