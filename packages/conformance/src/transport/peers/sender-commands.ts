import type { Sender, SenderOptions, SendOutcome, Transport } from '@pageferry/core';
import type { SendReport } from './api.js';
import { fillPattern } from './pattern.js';
import { Registry } from './registry.js';

interface PatternSender {
  readonly sender: Sender;
  /** Number of the next message, as the sender counts them. */
  next: number;
}

/** The senders of a peer, and what can be asked of them. */
export class SenderCommands {
  readonly #transport: Transport;
  readonly #senders = new Registry<PatternSender>('sender');

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async create(options: SenderOptions): Promise<number> {
    return this.#senders.add({ sender: await this.#transport.createSender(options), next: 0 });
  }

  get(id: number): Sender {
    return this.#senders.get(id).sender;
  }

  async send(id: number, lengths: Iterable<number>, blank = false): Promise<SendReport> {
    const entry = this.#senders.get(id);
    const outcomes: Record<SendOutcome, number> = { sent: 0, full: 0, 'no-receiver': 0 };
    for (const byteLength of lengths) {
      const loan = await entry.sender.loan(byteLength);
      if (!blank) fillPattern(loan.bytes, entry.next);
      // Counted before the wait: a message under way has its number, whatever becomes of the wait.
      const number = entry.next++;
      const outcome = await loan.send();
      if (outcome !== 'sent') {
        entry.next = number;
        loan.release();
      }
      outcomes[outcome]++;
    }
    return { outcomes };
  }

  async destroyAll(): Promise<void> {
    await Promise.all(this.#senders.takeAll().map(({ sender }) => sender.destroy()));
  }
}

/** `count` times the same length. */
export function* repeat(count: number, byteLength: number): Iterable<number> {
  for (let index = 0; index < count; index++) yield byteLength;
}
