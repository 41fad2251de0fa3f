import {
  type ChannelConnection,
  connect,
  establishChannel,
  openChannel,
  PARKED,
  type QueueConsumer,
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
import { ConsumedBytes } from '../../dist/flow/consumed-bytes.js';
import { SENDER_WORDS } from '../../dist/layout.js';
import type { Slot } from '../../dist/memory/page-pool.js';
import type { Announcements } from '../../dist/sending/announcements.js';
import { CHANNEL_TERMS } from '../../dist/terms.js';

const MECHANISM = 'vmsplice-channel';
const CAPACITY = 8;

/** What a listener passes; the last two are the ends of pipes that the other side reads from and writes to. */
export type Part = 'memory' | 'listenersBell' | 'peersBell' | 'readEnd' | 'writeEnd';

/** How the welcome of a {@link HostileListener} differs from an honest one. */
export interface Lies {
  /** Descriptors to pass in place of the honest ones. */
  readonly instead?: Partial<Record<Part, number>>;
  /** Pass only so many descriptors. */
  readonly only?: number;
  /** Pass these as well. */
  readonly extra?: readonly number[];
}

type Ends = ChannelConnection<Announcements, QueueConsumer>;

/** One side of a channel that is honest until a test makes it lie. */
class HostileSide {
  protected ends: Ends | undefined;

  /** Announces a message, and says that so many bytes of it are in the pipe: truthfully or not. */
  claim(byteLength: number, sequence = 0): void {
    const bytes = new Uint8Array(byteLength);
    const slot: Slot = {
      bytes,
      inner: bytes,
      byteLength,
      referenced: false,
      isLent: false,
      holders: 1,
      isKept: false,
    };
    this.#outgoing.deliveries.announce({ slot, bytes, sequence, tag: 0, exchange: 0 });
    Atomics.add(this.#outgoing.words, SENDER_WORDS.bytesProduced, byteLength);
    this.#outgoing.wakeReceiver();
  }

  /** Says that it sends nothing more, in good order. */
  finish(): void {
    this.#outgoing.finish();
  }

  /** Gives a message back, truthfully or not. */
  giveBack(sequence: number): void {
    this.incoming.giveBack(sequence, 0);
  }

  /** How many messages wait. */
  get deliveries(): number {
    return this.incoming.deliveries.available();
  }

  /** True once the other side has given this one up. */
  get isCutOff(): boolean {
    return this.incoming.isCutOff;
  }

  get #outgoing(): Ends['outgoing'] {
    if (this.ends === undefined) throw new Error('nobody has come');
    return this.ends.outgoing;
  }

  protected get incoming(): Ends['incoming'] {
    if (this.ends === undefined) throw new Error('nobody has come');
    return this.ends.incoming;
  }
}

/** A side that listens. */
export class HostileListener extends HostileSide implements Disposable {
  readonly #calls: LinuxCalls;
  readonly #listener: UnixSocket;
  #socket: UnixSocket | undefined;
  #opened: readonly OwnedFd[] = [];

  constructor(calls: LinuxCalls, path: string) {
    super();
    this.#calls = calls;
    this.#listener = UnixSocket.create(calls);
    calls.bindUnix(this.#listener.fd, path);
    calls.listen(this.#listener.fd, 4);
  }

  /** Waits for somebody to connect, and welcomes them. */
  async welcome({ instead = {}, only = 5, extra = [] }: Lies = {}): Promise<void> {
    const calls = this.#calls;
    await waitUntilReady(calls, this.#listener.fd, POLLIN, 0);
    const socket = this.#listener.accept() as UnixSocket;
    this.#socket = socket;
    await waitUntilReady(calls, socket.fd, POLLIN, 0);
    socket.receive(256);
    const made = establishChannel(calls, socket, CAPACITY, CHANNEL_TERMS);
    this.ends = made;
    const [there, back] = [createPipe(calls), createPipe(calls)];
    const [memory, listenersBell, peersBell] = made.descriptors as [OwnedFd, OwnedFd, OwnedFd];
    const passed = [
      instead.memory ?? memory.fd,
      instead.listenersBell ?? listenersBell.fd,
      instead.peersBell ?? peersBell.fd,
      instead.readEnd ?? there.readEnd.fd,
      instead.writeEnd ?? back.writeEnd.fd,
    ];
    const descriptors = [...passed.slice(0, only), ...extra].map((fd) => ({ fd }));
    socket.send(encodeHello(HELLO_KIND.welcome, MECHANISM), descriptors);
    made.passed();
    this.#opened = [there.readEnd, there.writeEnd, back.readEnd, back.writeEnd];
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    this.ends?.incoming.close();
    this.ends?.outgoing.close();
    this.#socket?.close();
    for (const descriptor of this.#opened) descriptor.close();
  }
}

/** A side that connects. */
export class HostileCaller extends HostileSide implements Disposable {
  readonly #calls: LinuxCalls;
  readonly #opened: readonly OwnedFd[];
  readonly #flow: ConsumedBytes;

  private constructor(calls: LinuxCalls, ends: Ends, opened: readonly OwnedFd[]) {
    super();
    this.ends = ends;
    this.#calls = calls;
    this.#opened = opened;
    this.#flow = new ConsumedBytes(ends.incoming);
  }

  static async connect(calls: LinuxCalls, path: string): Promise<HostileCaller> {
    const { socket, descriptors } = await connect(calls, path, MECHANISM, undefined);
    const ends = openChannel(calls, socket, descriptors, 5, CHANNEL_TERMS);
    return new HostileCaller(calls, ends, descriptors.slice(3));
  }

  /** Takes bytes out of its pipe, and says so. */
  drain(byteLength: number): void {
    const [readEnd] = this.#opened as [OwnedFd, OwnedFd];
    const count = this.#calls.read(readEnd.fd, new Uint8Array(byteLength), 0, byteLength);
    this.#flow.add(count);
  }

  /** What the other side waits for: see `WAITS_FOR`. */
  get senderWaitsFor(): number {
    return Atomics.load(this.incoming.words, PARKED.sender);
  }

  /** Closes the ends of its pipes, and stays connected. */
  closePipes(): void {
    for (const descriptor of this.#opened) descriptor.close();
  }

  [Symbol.dispose](): void {
    this.ends?.incoming.close();
    this.ends?.outgoing.close();
    this.closePipes();
  }
}
