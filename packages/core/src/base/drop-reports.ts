import { clock } from '../waiting/clock.js';
/** What a {@link DropReports} looks after: a loan or a delivery. */
export interface Borrowed {
  readonly byteLength: number;
  /** True while it is in the caller's hands. */
  readonly held: boolean;
  /** True once it is known to the registry, which has to be told when it is given back. */
  registered: boolean;
}

/** How many may wait for a look: a loop that never lets the event loop turn must not pile them up. */
const MAX_RECENT = 1024;

/**
 * Reports loans and deliveries that the program has dropped without giving them back: nobody can do
 * it any more, and their memory stays out until the owner closes. It only reports
 * (`process.emitWarning`); views of the memory may still be in use.
 *
 * What is given back within a turn of the event loop, as nearly everything is, is never registered: a
 * FinalizationRegistry costs several times as much as all the rest of a message.
 */
export class DropReports {
  readonly #kind: 'loan' | 'delivery';
  readonly #registry: FinalizationRegistry<number>;
  #recent: Borrowed[] = [];
  /** What was handed out last. Mostly it is given back before the next: then that was all of it. */
  #last: Borrowed | undefined;
  #scheduled = false;
  #dropped = 0;
  readonly #look = (): void => {
    this.#scheduled = false;
    if (this.#last !== undefined) this.#recent.push(this.#last);
    this.#last = undefined;
    this.#registerHeld();
  };

  /** @param isClosed whether the owner is closed: what it had lent is gone, and nobody's loss. */
  constructor(kind: 'loan' | 'delivery', isClosed: () => boolean) {
    this.#kind = kind;
    this.#registry = new FinalizationRegistry((byteLength) => {
      if (!isClosed()) this.#report(byteLength);
    });
  }

  /** Notes what was handed out. */
  add(borrowed: Borrowed): void {
    const last = this.#last;
    this.#last = borrowed;
    if (last?.held) this.#keep(last);
    if (this.#scheduled) return;
    this.#scheduled = true;
    clock.setImmediate(this.#look).unref();
  }

  /** Notes that something registered was given back. */
  remove(borrowed: Borrowed): void {
    this.#registry.unregister(borrowed);
  }

  #keep(borrowed: Borrowed): void {
    this.#recent.push(borrowed);
    if (this.#recent.length >= MAX_RECENT) this.#registerHeld();
  }

  #registerHeld(): void {
    const recent = this.#recent;
    this.#recent = [];
    for (const borrowed of recent) {
      if (!borrowed.held) continue;
      borrowed.registered = true;
      this.#registry.register(borrowed, borrowed.byteLength, borrowed);
    }
  }

  #report(byteLength: number): void {
    this.#dropped++;
    // The first, the second, the fourth, …: a leak in a loop must not drown everything else.
    if ((this.#dropped & (this.#dropped - 1)) !== 0) return;
    const kind = this.#kind;
    const owner = kind === 'loan' ? 'sender' : 'receiver';
    const done = kind === 'loan' ? 'sent or released' : 'released';
    const count = this.#dropped === 1 ? '' : ` (${this.#dropped} of them by now)`;
    process.emitWarning(
      `a ${kind} of ${byteLength} bytes was dropped without being ${done}${count}: its memory stays ` +
        `out until the ${owner} closes. Use \`using\`, or release() in a finally block.`,
      'PageferryWarning',
      kind === 'loan' ? 'PAGEFERRY_LOAN_DROPPED' : 'PAGEFERRY_DELIVERY_DROPPED',
    );
  }
}
