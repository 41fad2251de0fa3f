import { createEntry, loadInOrder } from '@pageferry/connection';
import { KEPT, RECEIVER_WORDS, RETURN, SENDER_WORDS, SLOT_MASK } from '../layout.js';
import type { Slot } from '../memory/slot.js';
import { MAX_UNDER_WAY } from './memory-channel.js';
import { PassedMemories } from './passed-memories.js';
import type { Ring } from './ring.js';
import { MAX_PASSED_MESSAGES, Subscriber, type SubscriberSettings } from './subscriber.js';

/**
 * The way to a receiver that must not miss messages. It reads the ring, and says in its control memory how far
 * it has come: everything before its cursor was returned, but for what it says that it keeps.
 */
export class RingSubscriber extends Subscriber<undefined> {
  readonly #ring: Ring;
  /** The control memory. */
  readonly words: Int32Array;
  /** Which of its words says whether the receiver is parked. */
  readonly parkedReceiver: number;
  readonly #entry = createEntry(2);
  /** The number of the first message that the receiver has not come past. */
  #cursor: number;
  /** Numbers of messages that were not returned and for which something was passed, and how many descriptors. */
  readonly #passed = new Map<number, number>();
  #descriptorsUnderWay = 0;
  /** Once there was any memory to pass. */
  #memories: PassedMemories | undefined;
  /** Messages of the history whose memory is still to be passed: the receiver may not come past them. */
  #unpassed: readonly Slot[];
  override readonly parkingPays: boolean;

  /** @param parkingPays see {@link RingSubscriber.parkingPays}. */
  constructor(settings: SubscriberSettings<undefined>, ring: Ring, parkingPays: boolean) {
    super(settings);
    this.parkingPays = parkingPays;
    this.#ring = ring;
    this.words = settings.connection.words;
    this.parkedReceiver = settings.connection.parkedReceiver;
    this.#cursor = ring.next;
    this.#unpassed = [];
  }

  /** Has the receiver begin with these messages, which were sent before it came. Before it is welcomed. */
  beginWith(earlier: readonly Slot[]): void {
    this.#cursor = earlier[0]?.sequence ?? this.#ring.next;
    Atomics.store(this.words, RECEIVER_WORDS.cursor, this.#cursor | 0);
    this.#unpassed = earlier.filter(({ passedCount }) => passedCount > 0);
    for (const slot of this.#unpassed) this.notePassed(slot);
    this.#limitRing();
  }

  /** The number of the first message that the receiver has not come past. */
  get cursor(): number {
    return this.#cursor;
  }

  /** True if the receiver has given anything back that was not taken in. */
  get hasNews(): boolean {
    const cursor = loadInOrder(this.words, RECEIVER_WORDS.cursor);
    return cursor !== (this.#cursor | 0) || this.connection.returns.available() !== 0;
  }

  /** True if the receiver has what can make room: it keeps some, or may have no more under way. */
  get holdsUp(): boolean {
    return this.held > 0 || this.room <= 0;
  }

  override get idle(): boolean {
    return this.#cursor === this.#ring.next && this.held === 0;
  }

  override get hasLeft(): boolean {
    return this.#unpassed.length === 0;
  }

  /** How many more messages may be under way to the receiver. */
  get room(): number {
    return this.settings.queueDepth - (this.#ring.next - this.#cursor) - this.held;
  }

  /** True if one more message may be under way for which so many descriptors are passed. */
  hasRoomFor(passedCount: number): boolean {
    const underWay = this.#descriptorsUnderWay + passedCount;
    return this.#passed.size < MAX_PASSED_MESSAGES && underWay <= MAX_UNDER_WAY;
  }

  /** A message is published for which something was passed. */
  notePassed({ sequence, passedCount }: Slot): void {
    this.#passed.set(sequence, passedCount);
    this.#descriptorsUnderWay += passedCount;
  }

  /** False while it would be too early to {@link pass} again what could not be passed. */
  get mayPass(): boolean {
    return this.pause.mayTry();
  }

  /**
   * Passes what goes ahead of a message, which is published later.
   *
   * @returns false if that has to wait.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  pass(slot: Slot, sequence: number): boolean {
    if (this.broken) return true;
    if (!this.mayPass) return false;
    this.#memories ??= new PassedMemories();
    const mayPass = this.#memories.mayPass(this.channel.untaken);
    const outcome = mayPass
      ? this.channel.pass(sequence, slot.own?.seal(), slot.attached)
      : 'later';
    if (outcome === 'gone') this.isBroken = true;
    if (outcome === 'later') {
      this.pause.failed();
      this.isBroken ||= this.#memories.areHoarded(this.channel.untaken);
      return this.isBroken;
    }
    if (outcome === 'sent') {
      this.#memories.passed(sequence, slot.passedCount);
      this.pause.succeeded();
    }
    return true;
  }

  /** The message whose memory was passed is not sent, or not as that number. */
  passedInVain(sequence: number): void {
    this.#memories?.passedInVain(sequence);
  }

  override catchUp(): boolean {
    while (this.#unpassed.length > 0) {
      const [slot, ...others] = this.#unpassed as [Slot, ...Slot[]];
      if (!this.passAccepted(() => this.pass(slot, slot.sequence))) {
        if (!this.broken) this.pause.arm();
        return this.broken;
      }
      this.#unpassed = others;
      this.#limitRing();
      this.wake();
    }
    return true;
  }

  override collect(): void {
    const { returns } = this.connection;
    // Before the entries: what the receiver keeps it has said before it went past it.
    const cursor = loadInOrder(this.words, RECEIVER_WORDS.cursor);
    const available = returns.available();
    if (available !== 0) this.#takeEntries(available);
    const progress = (cursor - this.#cursor) | 0;
    if (progress !== 0 && !this.isBroken) this.#advance(progress);
  }

  protected override get behind(): { readonly messages: number; readonly bytes: number } {
    let [messages, bytes] = [this.held, this.bytesHeld];
    for (let number = this.#cursor; number < this.#ring.next; number++) {
      const slot = this.#ring.slot(number);
      if (this.holds(slot)) continue;
      messages++;
      bytes += slot.messageLength;
    }
    return { messages, bytes };
  }

  protected override get dropped(): number {
    return 0;
  }

  protected override holdAll(): void {
    for (let number = this.#cursor; number < this.#ring.next; number++) {
      const slot = this.#ring.slot(number);
      if (!this.holds(slot)) this.hold(slot);
    }
  }

  /** What the receiver says of single messages: that it keeps one, or that it returns one that it has kept. */
  #takeEntries(available: number): void {
    const { returns } = this.connection;
    this.isBroken ||= available < 0 || available > returns.capacity;
    for (let count = 0; count < available && !this.isBroken; count++) {
      returns.shift(this.#entry);
      const name = this.#entry[RETURN.slotId] as number;
      const sequence = this.#entry[RETURN.sequence] as number;
      this.isBroken = !(name === KEPT ? this.#keep(sequence) : this.#takeBack(name, sequence));
    }
  }

  /** False if that breaks the protocol. */
  #keep(low: number): boolean {
    const number = this.#cursor + ((low - this.#cursor) | 0);
    if (number < this.#cursor || number >= this.#end) return false;
    const slot = this.#ring.slot(number);
    if (this.holds(slot)) return false;
    this.hold(slot);
    return true;
  }

  /** False if that breaks the protocol. */
  #takeBack(name: number, low: number): boolean {
    const slot = this.settings.slot(name & SLOT_MASK);
    if (slot === undefined || !this.holds(slot) || (slot.sequence | 0) !== low) return false;
    // The receiver may have come past it since the cursor was looked at: then it is noted once more.
    this.#noteReturned(slot);
    this.letGo(slot);
    return true;
  }

  #advance(progress: number): void {
    const end = this.#cursor + progress;
    if (progress < 0 || end > this.#end) {
      this.isBroken = true;
      return;
    }
    if (this.#memories !== undefined || this.#passed.size > 0) {
      for (let number = this.#cursor; number < end; number++) {
        const slot = this.#ring.slot(number);
        if (!this.holds(slot)) this.#noteReturned(slot);
      }
    }
    this.#cursor = end;
  }

  /** How far the receiver may read: what comes next is not published, or its memory not passed. */
  get #end(): number {
    return this.#unpassed[0]?.sequence ?? this.#ring.next;
  }

  #noteReturned(slot: Slot): void {
    const passedCount = this.#passed.get(slot.sequence);
    this.#memories?.returned(slot.sequence, passedCount !== undefined);
    if (passedCount === undefined) return;
    this.#passed.delete(slot.sequence);
    this.#descriptorsUnderWay -= passedCount;
  }

  /** The receiver may read the ring up to the first message whose memory is still to be passed. */
  #limitRing(): void {
    const [first] = this.#unpassed;
    if (first !== undefined) {
      Atomics.store(this.words, SENDER_WORDS.ringLimit, first.sequence | 0);
    }
    Atomics.store(this.words, SENDER_WORDS.ringIsLimited, first === undefined ? 0 : 1);
  }
}
