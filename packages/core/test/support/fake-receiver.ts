import {
  BaseReceiver,
  ByteQuota,
  type InboundMessage,
  LoopBudget,
  type MoveTarget,
  type SpliceMethod,
  WaitList,
} from '@pageferry/core';
import { capabilities } from './fake-sender.js';

/** A message of which a test decides what is here. */
export interface FakeMessage extends InboundMessage {
  bytes: Uint8Array<ArrayBuffer>;
  offset: number;
  /** False while it has not come whole. */
  isWhole: boolean;
}

/** A backend whose messages the test puts there. */
export class FakeReceiver extends BaseReceiver<FakeMessage> {
  readonly #waits: WaitList;
  readonly #messages: (FakeMessage | 'end' | Error)[] = [];
  readonly calls: string[] = [];
  /** How many bytes `tryMove` moves. */
  atOnce = 0;
  /** What `tryMove` and `move` were asked. */
  readonly moves: MoveTarget[] = [];
  /** What `move` throws, after it has moved half of what is left. */
  moveFails: Error | undefined;
  #next = 0;

  constructor(
    spinMicroseconds = 1e9,
    tee = false,
    quota = new ByteQuota(1e9),
    waits = new WaitList(),
  ) {
    super({
      capabilities: { ...capabilities, tee },
      budget: new LoopBudget(spinMicroseconds),
      waits,
      quota,
    });
    this.#waits = waits;
  }

  /** A message of `byteLength` bytes arrives, which asks or answers as its exchange word says. */
  arrive(byteLength: number, isWhole = true, exchange = 0): FakeMessage {
    const bytes = new Uint8Array(byteLength).fill(this.#next);
    const sequence = this.#next++;
    const message = { byteLength, bytes, sequence, tag: 0, offset: 0, isWhole, exchange };
    this.#messages.push(message);
    this.#waits.wake();
    return message;
  }
  /** The sender ends, in good order or with an error. */
  end(how: 'end' | Error = 'end'): void {
    this.#messages.push(how);
    this.#waits.wake();
  }
  /** Something has changed. */
  wake(): void {
    this.#waits.wake();
  }

  protected override next(): FakeMessage | 'end' | undefined {
    const next = this.#messages[0];
    if (next instanceof Error) throw next;
    if (next === undefined || next === 'end') return next;
    this.#messages.shift();
    return next;
  }
  protected override gather(message: FakeMessage): boolean {
    if (message.isWhole) message.bytes = message.bytes.subarray(message.offset);
    return message.isWhole;
  }
  protected override tryMove(message: FakeMessage, target: MoveTarget): SpliceMethod | undefined {
    this.moves.push(target);
    const moved = Math.min(this.atOnce, message.byteLength - message.offset);
    message.offset += moved;
    this.atOnce -= moved;
    return message.offset === message.byteLength ? 'splice' : undefined;
  }
  protected override async move(message: FakeMessage, target: MoveTarget): Promise<SpliceMethod> {
    this.moves.push(target);
    if (this.moveFails !== undefined) {
      message.offset += (message.byteLength - message.offset) >> 1;
      throw this.moveFails;
    }
    message.offset = message.byteLength;
    return 'read-write';
  }
  protected override giveBack(message: FakeMessage): void {
    this.calls.push(`giveBack ${message.sequence}`);
  }
  protected override async hangUp(): Promise<void> {
    this.calls.push('hangUp');
  }
}
