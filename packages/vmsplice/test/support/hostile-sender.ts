import {
  ControlMemory,
  Doorbell,
  PLAIN_SENDER,
  SENDER,
  SenderConnection,
} from '@pageferry/connection';
import { encodeHello, HELLO_KIND } from '@pageferry/connection/internals';
import {
  createPipe,
  type LinuxCalls,
  type OwnedFd,
  POLLIN,
  UnixSocket,
  waitUntilReady,
} from '@pageferry/linux';
import { ProducedBytes } from '../../dist/flow/produced-bytes.js';

/** What a sender passes to a receiver; `pipe` is the read end. */
export type Part = 'memory' | 'senderBell' | 'receiverBell' | 'pipe';

/** How the welcome of a {@link HostileSender} differs from an honest one. */
export interface Lies {
  /** Descriptors to pass in place of the honest ones. */
  readonly instead?: Partial<Record<Part, number>>;
  /** Pass only so many descriptors. */
  readonly only?: number;
  /** Pass these as well. */
  readonly extra?: readonly number[];
}

const CAPACITY = 8;

/** A sender that is honest until a test makes it lie. It listens from the start. */
export class HostileSender implements Disposable {
  readonly #calls: LinuxCalls;
  readonly #listener: UnixSocket;
  readonly #memory: ControlMemory;
  readonly #senderBell: Doorbell;
  readonly #receiverBell: Doorbell;
  readonly #passed: readonly [OwnedFd, OwnedFd, OwnedFd, OwnedFd];
  readonly #writeEnd: OwnedFd;
  #connection: SenderConnection | undefined;
  #flow: ProducedBytes | undefined;
  #socket: UnixSocket | undefined;
  #sequence = 0;

  constructor(calls: LinuxCalls, path: string) {
    this.#calls = calls;
    this.#listener = UnixSocket.create(calls);
    calls.bindUnix(this.#listener.fd, path);
    calls.listen(this.#listener.fd, 4);
    const { memory, fd } = ControlMemory.create(calls, CAPACITY);
    const pipe = createPipe(calls);
    this.#memory = memory;
    this.#senderBell = Doorbell.create(calls);
    this.#receiverBell = Doorbell.create(calls);
    this.#writeEnd = pipe.writeEnd;
    this.#passed = [fd, this.#senderBell.fd, this.#receiverBell.fd, pipe.readEnd];
  }

  /** The control memory's words. */
  get words(): Int32Array {
    return this.#memory.words;
  }

  /** Rings the receiver, parked or not, whether there is anything new or not. */
  ring(): void {
    this.#receiverBell.ring();
  }

  /** Waits for a receiver and welcomes it. */
  async welcome(lies: Lies = {}): Promise<void> {
    await waitUntilReady(this.#calls, this.#listener.fd, POLLIN, 0);
    const socket = this.#listener.accept() as UnixSocket;
    this.#socket = socket;
    await waitUntilReady(this.#calls, socket.fd, POLLIN, 0);
    socket.receive(256);
    const { instead = {}, only = 4, extra = [] } = lies;
    const [memory, senderBell, receiverBell, pipe] = this.#passed;
    const passed = [
      instead.memory ?? memory.fd,
      instead.senderBell ?? senderBell.fd,
      instead.receiverBell ?? receiverBell.fd,
      instead.pipe ?? pipe.fd,
    ];
    const descriptors = [...passed.slice(0, only), ...extra].map((fd) => ({ fd }));
    socket.send(encodeHello(HELLO_KIND.welcome, 'vmsplice'), descriptors);
    pipe.close();
    const bells = { senderBell: this.#senderBell, receiverBell: this.#receiverBell };
    this.#connection = new SenderConnection(
      { memory: this.#memory, socket, ...bells },
      PLAIN_SENDER,
    );
    this.#flow = new ProducedBytes(this.#connection);
  }

  /** Announces a message, truthfully or not. */
  announce(byteLength: number, sequence = this.#sequence++): void {
    const high = Math.floor(byteLength / 2 ** 32);
    this.#connection?.deliveries.push(byteLength | 0, high, sequence, 0);
    this.#connection?.wakeReceiver();
  }

  /** Puts bytes into the pipe, and says nothing of them. */
  put(byteLength: number): void {
    this.#calls.write(this.#writeEnd.fd, new Uint8Array(byteLength).fill(7), 0, byteLength);
  }

  /** Says that so many more bytes are in the pipe, truthfully or not. */
  claim(byteLength: number): void {
    this.#flow?.add(byteLength);
    this.#connection?.wakeReceiver();
  }

  /** Sends a message as an honest sender does. */
  sendHonestly(byteLength: number): void {
    this.announce(byteLength);
    if (byteLength === 0) return;
    this.put(byteLength);
    this.claim(Math.ceil(byteLength / this.#calls.pageSize()) * this.#calls.pageSize());
  }

  /** Says how many messages it has ever announced, truthfully or not. */
  claimAnnounced(count: number): void {
    Atomics.store(this.words, SENDER.delivered, count);
    this.#connection?.wakeReceiver();
  }

  /** Closes the pipe and stays connected. */
  closePipe(): void {
    this.#writeEnd.close();
  }

  /** Ends without an orderly close; the pipe stays open. */
  hangUp(): void {
    this.#socket?.close();
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    this.#socket?.close();
    this.#writeEnd.close();
    for (const descriptor of this.#passed) descriptor.close();
    this.#memory.close();
  }
}
