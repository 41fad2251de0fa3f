import {
  ControlMemory,
  connect,
  createEntry,
  Doorbell,
  PARKED,
  RECEIVER,
  ReceiverConnection,
  WAITS_FOR,
} from '@pageferry/connection';
import type { LinuxCalls, OwnedFd, UnixSocket } from '@pageferry/linux';
import { DELIVERY } from '../../dist/layout.js';
import { DeliveryConsumer } from '../../dist/queue/delivery-queue.js';
import { PassedMemory } from '../../dist/queue/passed-memory.js';

/** What a delivery entry says. */
export interface Taken {
  readonly slotId: number;
  readonly sequence: number;
}

/** A receiver that is honest until a test makes it lie. */
export class HostileReceiver implements Disposable {
  readonly #connection: ReceiverConnection<DeliveryConsumer>;
  readonly #passed: PassedMemory;
  readonly #memory: ControlMemory;
  readonly #senderBell: Doorbell;
  readonly #payload: OwnedFd;
  readonly #entry = createEntry();
  readonly socket: UnixSocket;

  private constructor(calls: LinuxCalls, socket: UnixSocket, descriptors: readonly OwnedFd[]) {
    const [control, sender, receiver, payload] = descriptors as [
      OwnedFd,
      OwnedFd,
      OwnedFd,
      OwnedFd,
    ];
    this.#memory = ControlMemory.open(calls, control.fd);
    control.close();
    this.#senderBell = new Doorbell(calls, sender);
    this.#payload = payload;
    this.socket = socket;
    const bells = { senderBell: this.#senderBell, receiverBell: new Doorbell(calls, receiver) };
    this.#connection = new ReceiverConnection(
      { socket, memory: this.#memory, ...bells },
      { openQueue: (words, place) => new DeliveryConsumer(words, place) },
    );
    this.#passed = new PassedMemory(this.#connection);
  }

  /** Connects to a sender, honestly, but for the parameters of its hello. */
  static async connect(
    calls: LinuxCalls,
    path: string,
    hello: readonly number[] = [0, 1024],
  ): Promise<HostileReceiver> {
    const { socket, descriptors } = await connect(calls, path, 'shared-mmap', undefined, hello);
    return new HostileReceiver(calls, socket, descriptors);
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
    this.#connection.deliveries.shift(this.#entry);
    return { slotId: this.#entry[2] as number, sequence: this.#entry[3] as number };
  }

  /** Writes the claim word of an entry, whatever is in it. */
  claim(index: number, value: number): void {
    const { entries, stride } = this.#memory.deliveries;
    Atomics.store(this.words, entries + index * stride + DELIVERY.claim, value);
  }

  /** Gives a message back, truthfully or not. */
  giveBack({ slotId, sequence }: Taken): void {
    this.#connection.giveBack(slotId, sequence);
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
  }
}
