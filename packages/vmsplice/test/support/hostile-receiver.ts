import {
  ControlMemory,
  connect,
  createEntry,
  Doorbell,
  PARKED,
  PLAIN_RECEIVER,
  RECEIVER,
  ReceiverConnection,
  WAITS_FOR,
} from '@pageferry/connection';
import type { LinuxCalls, OwnedFd, UnixSocket } from '@pageferry/linux';
import { ConsumedBytes } from '../../dist/flow/consumed-bytes.js';
import { RECEIVER_WORDS } from '../../dist/layout.js';

/** A receiver that is honest until a test makes it lie. */
export class HostileReceiver implements Disposable {
  readonly #calls: LinuxCalls;
  readonly #connection: ReceiverConnection;
  readonly #flow: ConsumedBytes;
  readonly #memory: ControlMemory;
  readonly #bells: readonly [Doorbell, Doorbell];
  readonly #pipe: OwnedFd;
  readonly socket: UnixSocket;
  readonly #entry = createEntry();

  private constructor(calls: LinuxCalls, socket: UnixSocket, descriptors: readonly OwnedFd[]) {
    const [memoryFd, senderFd, receiverFd, pipe] = descriptors as [
      OwnedFd,
      OwnedFd,
      OwnedFd,
      OwnedFd,
    ];
    this.#calls = calls;
    this.#memory = ControlMemory.open(calls, memoryFd.fd);
    memoryFd.close();
    const senderBell = new Doorbell(calls, senderFd);
    const receiverBell = new Doorbell(calls, receiverFd);
    this.#bells = [senderBell, receiverBell];
    this.#pipe = pipe;
    this.socket = socket;
    const memory = this.#memory;
    const parts = { socket, memory, senderBell, receiverBell };
    this.#connection = new ReceiverConnection(parts, PLAIN_RECEIVER);
    this.#flow = new ConsumedBytes(this.#connection);
  }

  /** Connects to a sender, honestly. */
  static async connect(calls: LinuxCalls, path: string): Promise<HostileReceiver> {
    const { socket, descriptors } = await connect(calls, path, 'vmsplice', undefined);
    return new HostileReceiver(calls, socket, descriptors);
  }

  /** The control memory's words. */
  get words(): Int32Array {
    return this.#memory.words;
  }

  get senderBell(): Doorbell {
    return this.#bells[0];
  }

  get receiverBell(): Doorbell {
    return this.#bells[1];
  }

  /** The descriptor of the pipe. */
  get pipe(): OwnedFd {
    return this.#pipe;
  }

  /** How many messages wait. */
  get deliveries(): number {
    return this.#connection.deliveries.available();
  }

  /** Takes the next message's entry; returns its sequence number. */
  take(): number {
    this.#connection.deliveries.shift(this.#entry);
    return this.#entry[2] as number;
  }

  /** Takes bytes out of the pipe, and says nothing of them. */
  drain(byteLength: number): number {
    return this.#calls.read(this.#pipe.fd, new Uint8Array(byteLength), 0, byteLength);
  }

  /** Says that so many more bytes were taken, truthfully or not. */
  claimConsumed(byteLength: number): void {
    this.#flow.add(byteLength);
  }

  /** Says how many bytes were ever taken, and wakes the sender. */
  claimConsumedInAll(byteLength: number): void {
    Atomics.store(this.words, RECEIVER_WORDS.bytesConsumed, byteLength);
    this.ring();
  }

  /** Gives a message back, truthfully or not. */
  giveBack(sequence: number, disposition = 0): void {
    this.#connection.giveBack(sequence, disposition);
  }

  /** Says how many messages it has ever given back, and wakes the sender. */
  claimReturned(count: number): void {
    Atomics.store(this.words, RECEIVER.returned, count);
    this.ring();
  }

  /** Wakes the sender, parked or not. */
  ring(): void {
    Atomics.store(this.words, PARKED.sender, 0);
    this.senderBell.ring();
  }

  /** What the sender waits for in vain; see `WAITS_FOR`. */
  get senderWaitsForReturns(): boolean {
    return (Atomics.load(this.words, PARKED.sender) & WAITS_FOR.returns) !== 0;
  }

  [Symbol.dispose](): void {
    this.#connection.close();
    this.#pipe.close();
  }
}
