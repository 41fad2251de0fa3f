import {
  ControlMemory,
  DELIVERY_WORDS,
  Doorbell,
  SENDER,
  SenderConnection,
} from '@pageferry/connection';
import { encodeHello, HELLO_KIND } from '@pageferry/connection/internals';
import {
  createMemoryFile,
  createSealedMemory,
  F_SEAL_WRITE,
  type LinuxCalls,
  type OwnedFd,
  POLLIN,
  SIZE_SEALS,
  UnixSocket,
  waitUntilReady,
} from '@pageferry/linux';
import type { SharedMmapReceiver, SharedMmapReceiverOptions } from '@pageferry/shared-mmap';
import { sharedMmap } from '@pageferry/shared-mmap';
import {
  DELIVERY,
  DESCRIPTORS_FLAG,
  OWN_MEMORY_FLAG,
  PLACE_UNIT,
  RING,
} from '../../dist/layout.js';
import { RingMemory } from '../../dist/memory/ring-memory.js';
import { ClaimableProducer } from '../../dist/queue/claimable-queue.js';
import { MemoryChannel } from '../../dist/sending/memory-channel.js';
import { LIMIT } from './stage.js';

/** What a sender passes to a receiver. */
export type Part = 'memory' | 'senderBell' | 'receiverBell' | 'payload' | 'ring';

/** How the welcome of a {@link HostileSender} differs from an honest one. */
export interface Lies {
  /** Descriptors to pass in place of the honest ones. */
  readonly instead?: Partial<Record<Part, number>>;
  /** Pass only so many descriptors. */
  readonly only?: number;
  /** Pass these as well. */
  readonly extra?: readonly number[];
  /** Say this of the first message's number. */
  readonly first?: readonly number[];
}

/** Bytes of an honest sender's payload memory. */
export const PAYLOAD_BYTES = 64 * 1024;

/** A message as it is announced. */
export interface Announcement {
  readonly byteLength?: number;
  readonly offset?: number;
  readonly place?: number;
  readonly slotId?: number;
  readonly sequence?: number;
  /** Upper bits of the number; they count where messages may be dropped. */
  readonly sequenceHigh?: number;
}

/** A sender that is honest until a test makes it lie. It listens from the start. */
export class HostileSender implements Disposable {
  readonly #calls: LinuxCalls;
  readonly #listener: UnixSocket;
  readonly #memory: ControlMemory;
  readonly #passed: readonly OwnedFd[];
  readonly #ring: RingMemory;
  readonly #bells: { readonly senderBell: Doorbell; readonly receiverBell: Doorbell };
  #connection: SenderConnection<ClaimableProducer | undefined> | undefined;
  #socket: UnixSocket | undefined;
  #queue: ClaimableProducer | undefined;
  #channel: MemoryChannel | undefined;
  #sequence = 0;
  /** Entries of the ring. */
  #published = 0;

  constructor(calls: LinuxCalls, path: string) {
    this.#calls = calls;
    this.#listener = UnixSocket.create(calls);
    calls.bindUnix(this.#listener.fd, path);
    calls.listen(this.#listener.fd, 4);
    const { memory, fd } = ControlMemory.create(calls, 8);
    this.#memory = memory;
    this.#bells = { senderBell: Doorbell.create(calls), receiverBell: Doorbell.create(calls) };
    const payload = createSealedMemory(calls, 'pageferry-payload', PAYLOAD_BYTES);
    const ring = RingMemory.create(calls, 8, false);
    this.#ring = ring.memory;
    this.#passed = [fd, this.#bells.senderBell.fd, this.#bells.receiverBell.fd, payload, ring.fd];
  }

  /** The control memory's words. */
  get words(): Int32Array {
    return this.#memory.words;
  }

  /** Waits for a receiver and welcomes it. */
  async welcome(lies: Lies, mayDrop: boolean): Promise<void> {
    await waitUntilReady(this.#calls, this.#listener.fd, POLLIN, 0);
    const socket = this.#listener.accept() as UnixSocket;
    this.#socket = socket;
    await waitUntilReady(this.#calls, socket.fd, POLLIN, 0);
    socket.receive(256);
    const { instead = {}, only = mayDrop ? 4 : 5, extra = [], first = [] } = lies;
    const parts: readonly Part[] = ['memory', 'senderBell', 'receiverBell', 'payload', 'ring'];
    const honest = this.#passed.map((descriptor) => descriptor.fd);
    const numbers = parts.map((part, index) => instead[part] ?? (honest[index] as number));
    const passed = [...numbers.slice(0, only), ...extra].map((fd) => ({ fd }));
    this.#published = (first[0] ?? 0) | 0;
    Atomics.store(this.#ring.words, RING.published, this.#published);
    socket.send(encodeHello(HELLO_KIND.welcome, 'shared-mmap', 0, first), passed);
    const memory = this.#memory;
    this.#connection = new SenderConnection(
      { socket, memory, ...this.#bells },
      {
        openQueue: (words, place) => (mayDrop ? new ClaimableProducer(words, place) : undefined),
      },
    );
    this.#queue ??= this.#connection.deliveries;
    this.#channel = new MemoryChannel(this.#connection);
  }

  /** Announces a message, truthfully or not. */
  announce(message: Announcement = {}): void {
    const { byteLength = 100, offset = 0, slotId = 1, sequence = this.#sequence++ } = message;
    const { place = offset / PLACE_UNIT, sequenceHigh = 0 } = message;
    const words = [byteLength | 0, place | 0, slotId, sequence | 0] as const;
    if (this.#queue === undefined) this.#publish(words);
    else this.#queue.push(...words, sequenceHigh);
    this.#connection?.wakeReceiver();
  }

  /** Rings the receiver, parked or not, whether there is anything new or not. */
  ring(): void {
    this.#bells.receiverBell.ring();
  }

  /** Goes on as if it had announced so many messages and dropped them all. */
  goOnAfter(count: number): void {
    this.#queue = new ClaimableProducer(this.words, this.#memory.deliveries, count);
    this.#sequence = count;
  }

  /** Announces a message with memory of its own. */
  announceOwn(message: Announcement = {}): void {
    this.announce({ slotId: OWN_MEMORY_FLAG | 1, ...message });
  }

  /** Announces a message with descriptors. */
  announceWithDescriptors(message: Announcement = {}): void {
    this.announce({ slotId: DESCRIPTORS_FLAG | 1, ...message });
  }

  /** Passes so many descriptors for a message. */
  passDescriptors(tag: number, count: number): void {
    using file = createMemoryFile(this.#calls, 'pageferry-file');
    this.#channel?.pass(tag, undefined, Array(count).fill(file));
  }

  /** Passes memory of its own for a message; of `byteLength` bytes, sealed as it should be or not. */
  pass(tag: number, byteLength = 4096, seals: number = SIZE_SEALS | F_SEAL_WRITE): void {
    using fd = createMemoryFile(this.#calls, 'pageferry-message');
    this.#calls.ftruncate(fd.fd, byteLength);
    this.#calls.addSeals(fd.fd, seals);
    this.passDescriptor(tag, fd);
  }

  /** Passes a descriptor of any kind as the memory of a message. */
  passDescriptor(tag: number, fd: OwnedFd): void {
    this.#channel?.pass(tag, fd);
  }

  /** Says something on the socket. */
  say(bytes: Uint8Array, descriptors: readonly { readonly fd: number }[] = []): void {
    this.#socket?.send(bytes, descriptors);
    this.#connection?.wakeReceiver();
  }

  /** Says how many messages it has ever announced, truthfully or not. */
  claimAnnounced(count: number): void {
    if (this.#queue === undefined) Atomics.store(this.#ring.words, RING.published, count);
    else Atomics.store(this.words, SENDER.delivered, count);
    this.#connection?.wakeReceiver();
  }

  /** Writes a ring entry's words, in the place of the next message, and goes on to the next. */
  #publish([byteLength, place, slotId, sequence]: readonly [number, number, number, number]): void {
    const { words, capacity } = this.#ring;
    const number = this.#published++;
    const at = RING.entries + (number & (capacity - 1)) * DELIVERY_WORDS;
    words[at + DELIVERY.byteLength] = byteLength;
    words[at + DELIVERY.place] = place;
    words[at + DELIVERY.slotId] = slotId;
    words[at + DELIVERY.sequence] = sequence;
    Atomics.store(words, RING.published, this.#published);
  }

  /** Ends without an orderly close. */
  hangUp(): void {
    this.#socket?.close();
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    this.#socket?.close();
    for (const descriptor of this.#passed) descriptor.close();
    this.#memory.close();
    this.#ring.close();
  }
}

/** A receiver, and a sender that may lie to it. */
export interface HostilePair extends AsyncDisposable {
  readonly sender: HostileSender;
  readonly receiver: SharedMmapReceiver;
}

/** Has a receiver connect to a sender that may lie to it from the start. */
export async function connectTo(
  calls: LinuxCalls,
  endpoint: string,
  lies: Lies = {},
  options: Partial<SharedMmapReceiverOptions> = {},
): Promise<HostilePair> {
  const sender = new HostileSender(calls, endpoint);
  try {
    const connecting = sharedMmap.createReceiver({ ...LIMIT, ...options, endpoint });
    connecting.catch(() => undefined);
    await sender.welcome(lies, (options.whenBehind ?? 'wait') !== 'wait');
    const receiver = await connecting;
    return {
      sender,
      receiver,
      async [Symbol.asyncDispose]() {
        await receiver.close();
        sender[Symbol.dispose]();
      },
    };
  } catch (error) {
    sender[Symbol.dispose]();
    throw error;
  }
}
