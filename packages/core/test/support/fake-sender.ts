import {
  type AcceptOutcome,
  BaseSender,
  type Capabilities,
  type LoanMemory,
  LoopBudget,
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

/** What the test has the receivers do. */
interface Answers {
  left: boolean;
  flushed: boolean;
  connected: number;
  out: number;
}

/** A backend whose every answer the test decides. */
export class FakeSender extends BaseSender<LoanMemory> {
  readonly #waits: WaitList;
  readonly #answers: Answers;
  /** What the backend was asked to do, in order. */
  readonly calls: string[] = [];
  /** Lengths of what was accepted. */
  readonly accepted: number[] = [];
  /** How many loans may be out. */
  room = Number.POSITIVE_INFINITY;
  outcome: AcceptOutcome = 'sent';
  failure: Error | undefined;
  /** Whether nobody can change a message any more once it was offered. */
  seals = false;

  constructor(spinMicroseconds = 1e9) {
    const waits = new WaitList();
    const answers: Answers = { left: true, flushed: true, connected: 1, out: 0 };
    super({
      endpoint: '/fake',
      capabilities,
      budget: new LoopBudget(spinMicroseconds),
      waits,
      subscribers: {
        list: () => [{ id: 1, messagesBehind: 0, bytesBehind: 0 }],
        count: () => answers.connected,
        get hasLeft() {
          return answers.left;
        },
        get isIdle() {
          return answers.flushed;
        },
      },
      bytesOut: () => answers.out,
      method: { method: 'fake', methodReason: 'it is a test' },
    });
    this.#waits = waits;
    this.#answers = answers;
  }

  get out(): number {
    return this.#answers.out;
  }
  set out(out: number) {
    this.#answers.out = out;
  }

  /** Changes what the backend answers, and says so. */
  change(changes: Partial<Pick<FakeSender, 'room' | 'outcome'> & Answers>) {
    const { room, outcome, ...answers } = changes;
    if (room !== undefined) this.room = room;
    if (outcome !== undefined) this.outcome = outcome;
    Object.assign(this.#answers, answers);
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
  protected override settle(): void {}
  protected override async end(inOrder: boolean): Promise<void> {
    this.calls.push(inOrder ? 'finish' : 'abandon');
  }
}
