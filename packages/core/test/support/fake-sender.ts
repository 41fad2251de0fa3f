import {
  type AcceptOutcome,
  BaseSender,
  type Capabilities,
  type LoanMemory,
  LoopBudget,
  type Outbox,
  WaitList,
} from '@pageferry/core';

/** What a backend that does nothing can do. */
export const capabilities: Capabilities = {
  zeroCopySend: false,
  zeroCopyReceive: false,
  zeroCopySplice: false,
  tee: false,
  maxReceivers: 3,
  maxChannels: 0,
  maxMessageBytes: 1000,
  maxDescriptors: 0,
  sameProcess: true,
  inheritedEndpoint: false,
  localEndpoint: true,
};

/** An outbox whose every answer the test decides. */
class FakeOutbox implements Outbox<LoanMemory> {
  /** What the backend was asked to do, in order. */
  readonly calls: string[] = [];
  /** Lengths of what was accepted. */
  readonly accepted: number[] = [];
  /** Their exchange words. */
  readonly exchanges: number[] = [];
  /** How many loans may be out. */
  room = Number.POSITIVE_INFINITY;
  bytesOut = 0;
  outcome: AcceptOutcome = 'sent';
  left = true;
  flushed = true;
  connected = 1;
  failure: Error | undefined;
  /** Whether nobody can change a message any more once it was offered. */
  seals = false;

  allocate(byteLength: number): LoanMemory | undefined {
    if (this.failure) throw this.failure;
    if (this.bytesOut >= this.room) return undefined;
    this.bytesOut++;
    return { bytes: new Uint8Array(byteLength) };
  }
  free(): void {
    this.bytesOut--;
    this.calls.push('free');
  }
  accept(memory: LoanMemory, byteLength: number, _tag: number, exchange: number): AcceptOutcome {
    if (this.seals) Object.assign(memory, { sealed: true, bytes: undefined });
    if (this.failure) throw this.failure;
    if (this.outcome === 'sent') {
      this.bytesOut--;
      this.accepted.push(byteLength);
      this.exchanges.push(exchange);
    }
    return this.outcome;
  }
  /** True once it has let everything go. */
  freed = false;

  settle(): void {
    if (this.freed) throw new Error('this outbox has let everything go');
  }
  get hasLeft(): boolean {
    return this.left;
  }
  get isIdle(): boolean {
    return this.flushed;
  }
  list() {
    return [{ id: 1, messagesBehind: 0, bytesBehind: 0 }];
  }
  count(): number {
    return this.connected;
  }
}

type Answers = Pick<
  FakeOutbox,
  'room' | 'outcome' | 'left' | 'flushed' | 'connected' | 'failure' | 'seals'
>;

/** A sender over such an outbox. */
export class FakeSender extends BaseSender<LoanMemory> {
  readonly #waits: WaitList;
  readonly outbox: FakeOutbox;

  constructor(spinMicroseconds = 1e9, maxMessageBytes = capabilities.maxMessageBytes) {
    const waits = new WaitList();
    const outbox = new FakeOutbox();
    super({
      endpoint: '/fake',
      capabilities: { ...capabilities, maxMessageBytes },
      budget: new LoopBudget(spinMicroseconds),
      waits,
      outbox,
      method: { method: 'fake', methodReason: 'it is a test' },
    });
    this.#waits = waits;
    this.outbox = outbox;
  }

  get calls(): readonly string[] {
    return this.outbox.calls;
  }
  get accepted(): readonly number[] {
    return this.outbox.accepted;
  }
  get out(): number {
    return this.outbox.bytesOut;
  }

  /** Changes what the outbox answers, and says so. */
  change(changes: Partial<Answers>): void {
    this.set(changes);
    this.#waits.wake();
  }
  /** As {@link change}, and says nothing. */
  set(changes: Partial<Answers>): void {
    Object.assign(this.outbox, changes);
  }

  protected override async end(inOrder: boolean): Promise<void> {
    this.outbox.calls.push(inOrder ? 'finish' : 'abandon');
    this.outbox.freed = true;
    // Something is heard of a connection while it closes.
    await null;
    this.#waits.wake();
    await null;
  }
}
