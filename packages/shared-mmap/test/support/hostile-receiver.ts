import {
  ControlMemory,
  connect,
  createEntry,
  Doorbell,
  PARKED,
  RECEIVER,
  ReceiverConnection,
  WAITS_FOR,
  type Welcome,
} from '@pageferry/connection';
import type { LinuxCalls, OwnedFd, UnixSocket } from '@pageferry/linux';
import { DELIVERY, KEPT, RECEIVER_WORDS } from '../../dist/layout.js';
import { RingMemory } from '../../dist/memory/ring-memory.js';
import { ClaimableConsumer } from '../../dist/queue/claimable-queue.js';
import { PassedMemory } from '../../dist/queue/passed-memory.js';
import { RingConsumer } from '../../dist/queue/ring.js';

/** What a delivery entry says. */
export interface Taken {
  readonly slotId: number;
  readonly sequence: number;
}

/** A receiver that is honest until a test makes it lie. */
export class HostileReceiver implements Disposable {
  readonly #connection: ReceiverConnection<ClaimableConsumer | RingConsumer>;
  readonly #ring: RingMemory | undefined;
  /** The slots of the messages of the ring that it has taken, by their numbers. */
  readonly #taken = new Map<number, number>();
  /** The number of the first message that it has not given back. */
  #cursor: number;
  readonly #passed: PassedMemory;
  readonly #memory: ControlMemory;
  readonly #senderBell: Doorbell;
  readonly #payload: OwnedFd;
  readonly #entry = createEntry();
  readonly socket: UnixSocket;

  private constructor(calls: LinuxCalls, { socket, descriptors, parameters }: Welcome) {
    const [control, sender, receiver, payload] = descriptors as [
      OwnedFd,
      OwnedFd,
      OwnedFd,
      OwnedFd,
    ];
    const ringFd = descriptors[4];
    const ring = ringFd && RingMemory.open(calls, ringFd);
    ringFd?.close();
    this.#ring = ring;
    const first = parameters[0] ?? 0;
    this.#cursor = first | 0;
    this.#memory = ControlMemory.open(calls, control.fd);
    control.close();
    this.#senderBell = new Doorbell(calls, sender);
    this.#payload = payload;
    this.socket = socket;
    const bells = { senderBell: this.#senderBell, receiverBell: new Doorbell(calls, receiver) };
    this.#connection = new ReceiverConnection(
      { socket, memory: this.#memory, ...bells },
      {
        openQueue: (words, place) =>
          ring === undefined
            ? new ClaimableConsumer(words, place)
            : new RingConsumer(ring, words, first),
      },
    );
    this.#passed = new PassedMemory(this.#connection);
  }

  /** Connects to a sender, honestly, but for the parameters of its hello. */
  static async connect(
    calls: LinuxCalls,
    path: string,
    hello: readonly number[] = [0, 1024],
  ): Promise<HostileReceiver> {
    return new HostileReceiver(calls, await connect(calls, path, 'shared-mmap', undefined, hello));
  }

  /** The control memory's words. */
  get words(): Int32Array {
    return this.#memory.words;
  }

  /** The descriptor of the sender's pages. */
  get payload(): OwnedFd {
    return this.#payload;
  }

  /** How many messages wait. */
  get deliveries(): number {
    return this.#connection.deliveries.available();
  }

  /** What it means that nothing comes. */
  lookAgain(): number | 'end' {
    this.#connection.checkPeer();
    return this.#connection.lookAgain();
  }

  /** Reads the next message's entry, and goes past it, without a claim to it. */
  take(): Taken {
    const { deliveries } = this.#connection;
    if (deliveries instanceof ClaimableConsumer) {
      deliveries.shift(this.#entry);
      return { slotId: this.#entry[2] as number, sequence: this.#entry[3] as number };
    }
    const { words, at } = deliveries;
    deliveries.pass();
    const taken = {
      slotId: words[at + DELIVERY.slotId] as number,
      sequence: words[at + DELIVERY.sequence] as number,
    };
    this.#taken.set(taken.sequence, taken.slotId);
    return taken;
  }

  /** Writes the claim word of an entry, whatever is in it. */
  claim(index: number, value: number): void {
    const { entries, stride } = this.#memory.deliveries;
    Atomics.store(this.words, entries + index * stride + DELIVERY.claim, value);
  }

  /** Gives a message back, truthfully or not. */
  giveBack({ slotId, sequence }: Taken): void {
    const isNext = sequence === this.#cursor && this.#taken.get(sequence) === slotId;
    if (isNext) this.goPast(sequence);
    else this.#connection.giveBack(slotId, sequence);
  }

  /** Says that it keeps a message of the ring. */
  keep(sequence: number): void {
    this.#connection.giveBack(KEPT, sequence);
  }

  /** Says that it has given back all messages of the ring up to this one, and wakes the sender. */
  goPast(sequence: number): void {
    this.#cursor = (sequence + 1) | 0;
    Atomics.store(this.words, RECEIVER_WORDS.cursor, this.#cursor);
    this.#connection.wakeSenderThatWaitsFor(WAITS_FOR.returns);
  }

  /** Says how many messages it has ever given back, and wakes the sender. */
  claimReturned(count: number): void {
    Atomics.store(this.words, RECEIVER.returned, count);
    this.ring();
  }

  /** Wakes the sender, parked or not. */
  ring(): void {
    Atomics.store(this.words, PARKED.sender, 0);
    this.#senderBell.ring();
  }

  /** True while the sender is parked until something comes back. */
  get senderWaits(): boolean {
    return (Atomics.load(this.words, PARKED.sender) & WAITS_FOR.returns) !== 0;
  }

  [Symbol.dispose](): void {
    this.#passed.close();
    this.#connection.close();
    this.#payload.close();
    this.#ring?.close();
  }
}
