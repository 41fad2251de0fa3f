import {
  BaseReceiver,
  type DeliveryMemory,
  PageferryError,
  type SpliceResult,
  WaitList,
} from '@pageferry/core';
import { capabilities } from './fake-sender.js';

/** A backend whose messages the test puts there. */
export class FakeReceiver extends BaseReceiver<DeliveryMemory> {
  readonly #waits = new WaitList();
  readonly #messages: (DeliveryMemory | 'end' | Error)[] = [];
  readonly calls: string[] = [];
  /** What `tryMoveTo` answers; a number counts once, as what was moved then. */
  atOnce: SpliceResult | 'end' | number = 0;
  /** What `moveTo` was asked. */
  readonly moves: unknown[][] = [];
  #next = 0;

  constructor(spinMicroseconds = 1e9, tee = false) {
    super({ capabilities: { ...capabilities, tee }, spinMicroseconds });
  }

  /** A message of `byteLength` bytes arrives. */
  arrive(byteLength: number, offset = 0): void {
    const bytes = new Uint8Array(byteLength).fill(this.#next);
    this.#messages.push({ bytes, sequence: this.#next++, offset });
    this.#waits.wake();
  }
  /** The sender ends, in good order or with an error. */
  end(how: 'end' | Error = 'end'): void {
    this.#messages.push(how);
    this.#waits.wake();
  }

  protected override poll(): DeliveryMemory | 'end' | undefined {
    const next = this.#messages[0];
    if (next instanceof Error) throw next;
    if (next === undefined || next === 'end') return next;
    this.#messages.shift();
    return next;
  }
  protected override waitUntil(ready: () => boolean, signal?: AbortSignal): Promise<void> {
    return this.#waits.wait(ready, signal);
  }
  protected override giveBack(memory: DeliveryMemory): void {
    this.calls.push(`giveBack ${memory.sequence}`);
  }
  protected override tryMoveTo(): SpliceResult | 'end' | number {
    const answer = this.atOnce;
    if (typeof answer === 'number') this.atOnce = 0;
    return answer;
  }
  protected override async moveTo(
    ...args: Parameters<BaseReceiver<DeliveryMemory>['moveTo']>
  ): Promise<SpliceResult | undefined> {
    this.moves.push(args);
    let message: DeliveryMemory | 'end' | undefined;
    await this.waitUntil(() => {
      message = this.poll();
      return message !== undefined;
    }, args[2]);
    const moved = message as DeliveryMemory | 'end' | undefined;
    if (moved === undefined || moved === 'end') return undefined;
    const { bytes, sequence } = moved;
    return { byteLength: bytes.length, sequence, method: 'read-write', userSpaceCopies: 2 };
  }
  protected override async hangUp(): Promise<void> {
    this.calls.push('hangUp');
    this.#waits.fail(new PageferryError('CLOSED', 'closed'));
  }
}
