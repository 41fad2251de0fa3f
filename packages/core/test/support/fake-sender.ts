import {
  type AcceptOutcome,
  BaseSender,
  type Capabilities,
  type LoanMemory,
  PageferryError,
  WaitList,
} from '@pageferry/core';

/** What a backend that does nothing can do. */
export const capabilities: Capabilities = {
  zeroCopySend: false,
  zeroCopyReceive: false,
  zeroCopySplice: false,
  tee: false,
  maxReceivers: 3,
  maxMessageBytes: 1000,
  sameProcess: true,
  inheritedEndpoint: false,
};

/** A backend whose every answer the test decides. */
export class FakeSender extends BaseSender<LoanMemory> {
  readonly #waits = new WaitList();
  /** What the backend was asked to do, in order. */
  readonly calls: string[] = [];
  /** Lengths of what was accepted. */
  readonly accepted: number[] = [];
  /** How many loans may be out. */
  room = Number.POSITIVE_INFINITY;
  out = 0;
  outcome: AcceptOutcome = 'sent';
  left = true;
  flushed = true;
  connected = 1;
  failure: Error | undefined;
  /** Whether nobody can change a message any more once it was offered. */
  seals = false;

  constructor(spinMicroseconds = 1e9) {
    super({ endpoint: '/fake', capabilities, spinMicroseconds });
  }

  /** Changes what the backend answers, and says so. */
  change(
    changes: Partial<Pick<FakeSender, 'room' | 'outcome' | 'left' | 'flushed' | 'connected'>>,
  ) {
    Object.assign(this, changes);
    this.#waits.wake();
  }

  protected override allocate(byteLength: number): LoanMemory | undefined {
    if (this.failure) throw this.failure;
    if (this.out >= this.room) return undefined;
    this.out++;
    return { bytes: new Uint8Array(byteLength) };
  }
  protected override free(): void {
    this.out--;
    this.calls.push('free');
  }
  protected override accept(memory: LoanMemory, byteLength: number): AcceptOutcome {
    if (this.seals) Object.assign(memory, { sealed: true, bytes: undefined });
    if (this.failure) throw this.failure;
    if (this.outcome === 'sent') {
      this.out--;
      this.accepted.push(byteLength);
    }
    return this.outcome;
  }
  protected override hasLeft(): boolean {
    return this.left;
  }
  protected override isFlushed(): boolean {
    return this.flushed;
  }
  protected override waitUntil(ready: () => boolean, signal?: AbortSignal): Promise<void> {
    return this.#waits.wait(ready, signal);
  }
  protected override recheck(): void {
    this.#waits.wake();
  }
  protected override listReceivers() {
    return [{ id: 1, messagesBehind: 0, bytesBehind: 0 }];
  }
  protected override countReceivers(): number {
    return this.connected;
  }
  protected override bytesOut(): number {
    return this.out;
  }
  protected override sendMethod() {
    return { method: 'fake', methodReason: 'it is a test' };
  }
  protected override async finish(): Promise<void> {
    this.calls.push('finish');
    this.#waits.fail(new PageferryError('CLOSED', 'closed'));
  }
  protected override async abandon(): Promise<void> {
    this.calls.push('abandon');
    this.#waits.fail(new PageferryError('CLOSED', 'closed'));
  }
}
