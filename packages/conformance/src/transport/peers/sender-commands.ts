import { closeSync, openSync } from 'node:fs';
import type { Sender, SenderOptions, SendOutcome, Transport } from '@pageferry/core';
import type { SendReport } from './api.js';
import { type PatternSource, sendPatterns } from './pattern-stream.js';
import { Registry } from './registry.js';

interface PatternSender extends PatternSource {
  readonly sender: Sender;
}

/** The senders of a peer, and what can be asked of them. */
export class SenderCommands {
  readonly #transport: Transport;
  readonly #senders = new Registry<PatternSender>('sender');

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async create(options: SenderOptions): Promise<number> {
    const sender = await this.#transport.createSender(options);
    return this.#senders.add({ sender, next: 0, tagOf: tagOfOdd });
  }

  get(id: number): Sender {
    return this.#senders.get(id).sender;
  }

  send(id: number, lengths: Iterable<number>, blank = false): Promise<SendReport> {
    return sendPatterns(this.#senders.get(id), lengths, blank);
  }

  async sendDescriptors(id: number, paths: readonly string[]): Promise<SendOutcome> {
    const fds = paths.map((path) => openSync(path, 'r'));
    const outcome = this.get(id).sendDescriptors(fds);
    // They were duplicated when the call was made.
    for (const fd of fds) closeSync(fd);
    return await outcome;
  }

  async destroyAll(): Promise<void> {
    await Promise.all(this.#senders.takeAll().map(({ sender }) => sender.destroy()));
  }
}

/** Most programs tag nothing, and a transport may have a shorter way for those messages: a test meets both. */
function tagOfOdd(number: number): number {
  return number % 2 === 0 ? 0 : number;
}
