import { clock } from '../waiting/clock.js';
import { counted } from './words.js';

/** How many loans or deliveries share a batch at most. */
const MAX_BATCH = 64;

const MANY = { loan: 'loans', delivery: 'deliveries' } as const;

/** What is out of a batch. It outlives the batch, to be looked at then. */
interface Tally {
  /** How many were not given back. */
  count: number;
  /** Their bytes. */
  bytes: number;
}

/**
 * A few loans or deliveries that were handed out one after the other. Each refers to it: so once it is
 * garbage, all of them are.
 */
export class Batch {
  /** How many of them are out. */
  count = 0;
  /** Their bytes. */
  bytes = 0;
  /** The same, once it is to outlive the batch. */
  #tally: Tally | undefined;

  /** One of them was given back. */
  giveBack(byteLength: number): void {
    this.count--;
    this.bytes -= byteLength;
    if (this.#tally !== undefined) this.#note(this.#tally);
  }

  /** One of them is so much shorter now. */
  shorten(byteLength: number): void {
    this.bytes -= byteLength;
    if (this.#tally !== undefined) this.#note(this.#tally);
  }

  /** What is out, now and later. */
  keepTally(): Tally {
    const tally = { count: this.count, bytes: this.bytes };
    this.#tally = tally;
    return tally;
  }

  #note(tally: Tally): void {
    tally.count = this.count;
    tally.bytes = this.bytes;
  }
}

/**
 * Reports loans and deliveries that the program has dropped without giving them back: nobody can do
 * it any more, and their memory stays out until the owner closes. It only reports
 * (`process.emitWarning`); views of the memory may still be in use.
 *
 * To know each of them would cost more than all the rest of a message: a FinalizationRegistry several times as
 * much, and a young object that is stored in an old one a tenth. So they are counted, a batch at a time, and
 * only a batch of which some are out at the end of a turn of the event loop is registered. What a program
 * drops is reported once it keeps nothing else of the same batch.
 */
export class DropReports {
  readonly #kind: 'loan' | 'delivery';
  readonly #registry: FinalizationRegistry<Tally>;
  #batch = new Batch();
  /** How many were handed out since the last look. */
  #added = 0;
  #scheduled = false;
  #dropped = 0;
  readonly #look = (): void => {
    this.#scheduled = false;
    this.#renew();
  };

  /** @param isClosed whether the owner is closed: what it had lent is gone, and nobody's loss. */
  constructor(kind: 'loan' | 'delivery', isClosed: () => boolean) {
    this.#kind = kind;
    this.#registry = new FinalizationRegistry((tally) => {
      if (tally.count > 0 && !isClosed()) this.#report(tally);
    });
  }

  /** Notes that something is handed out, which shall refer to what this returns, and tell it of its return. */
  add(byteLength: number): Batch {
    if (this.#added === MAX_BATCH) this.#renew();
    this.#added++;
    if (!this.#scheduled) this.#schedule();
    const batch = this.#batch;
    batch.count++;
    batch.bytes += byteLength;
    return batch;
  }

  #schedule(): void {
    this.#scheduled = true;
    clock.setImmediate(this.#look).unref();
  }

  /** Begins a new batch, unless nothing of this one is out. */
  #renew(): void {
    this.#added = 0;
    const batch = this.#batch;
    if (batch.count === 0) return;
    this.#registry.register(batch, batch.keepTally());
    this.#batch = new Batch();
  }

  #report({ count, bytes }: Tally): void {
    const before = this.#dropped;
    this.#dropped += count;
    // The first, the second, the fourth, …: a leak in a loop must not drown everything else.
    if (Math.clz32(this.#dropped) === Math.clz32(before)) return;
    const kind = this.#kind;
    const owner = kind === 'loan' ? 'sender' : 'receiver';
    const done = kind === 'loan' ? 'sent or released' : 'released';
    const total = this.#dropped === count ? '' : ` (${this.#dropped} of them by now)`;
    const what =
      count === 1
        ? `a ${kind} of ${bytes} bytes was dropped without being ${done}${total}: its`
        : `${counted(count, kind, MANY[kind])}, ${bytes} bytes, were dropped without being ${done}${total}: their`;
    process.emitWarning(
      `${what} memory stays out until the ${owner} closes. Use \`using\`, or release() in a finally block.`,
      'PageferryWarning',
      kind === 'loan' ? 'PAGEFERRY_LOAN_DROPPED' : 'PAGEFERRY_DELIVERY_DROPPED',
    );
  }
}
