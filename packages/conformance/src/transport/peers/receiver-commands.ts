import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Delivery, Receiver, ReceiverOptions, Transport } from '@pageferry/core';
import type { DescriptorsReport, ReceiveReport, SpliceReport, SpliceTarget } from './api.js';
import { MessageCheck } from './message-check.js';
import { receiveEach } from './pattern-stream.js';
import { Registry } from './registry.js';

interface HoldingReceiver {
  readonly receiver: Receiver;
  readonly held: Delivery[];
}

/** The receivers of a peer, and what can be asked of them. */
export class ReceiverCommands {
  readonly #transport: Transport;
  readonly #receivers = new Registry<HoldingReceiver>('receiver');

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async create(options: ReceiverOptions): Promise<number> {
    const receiver = await this.#transport.createReceiver(options);
    return this.#receivers.add({ receiver, held: [] });
  }

  get(id: number): Receiver {
    return this.#receivers.get(id).receiver;
  }

  receive(id: number, count: number, hold: boolean): Promise<ReceiveReport> {
    const { receiver, held } = this.#receivers.get(id);
    const check = new MessageCheck();
    return receiveEach(receiver, count, check, (delivery) => {
      check.add(delivery);
      if (hold) held.push(delivery);
      else delivery.release();
    });
  }

  async receiveDescriptors(id: number): Promise<DescriptorsReport> {
    const delivery = await this.get(id).receive();
    if (delivery === undefined) throw new Error('no message has come');
    const { sequence, byteLength } = delivery;
    const taken = delivery.takeDescriptors();
    // By name: duplicates share how far the file was read.
    const files = taken.map(({ fd }) => readFileSync(`/proc/self/fd/${fd}`, 'utf8'));
    for (const file of taken) file.close();
    delivery.release();
    return { sequence, byteLength, files };
  }

  checkHeld(id: number): ReceiveReport {
    const check = new MessageCheck();
    for (const delivery of this.#receivers.get(id).held) check.add(delivery);
    return check.report();
  }

  releaseHeld(id: number, count: number): void {
    for (const delivery of this.#receivers.get(id).held.splice(0, count)) delivery.release();
  }

  async spliceTo(id: number, target: SpliceTarget, count: number): Promise<SpliceReport> {
    const receiver = this.get(id);
    const fd = openSync(target.path, target.flags, 0o600);
    try {
      let messages = 0;
      let bytes = 0;
      for (; messages < count; messages++) {
        const result = await receiver.spliceTo(fd);
        if (result === undefined) return { messages, bytes, ended: true };
        bytes += result.byteLength;
      }
      return { messages, bytes, ended: false };
    } finally {
      closeSync(fd);
    }
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.#receivers.takeAll().map(({ receiver }) => receiver.close()));
  }
}
