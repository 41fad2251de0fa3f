import { senderMisbehaved } from '@pageferry/connection';
import type { LinuxCalls, OwnedFd, ThreadAlias } from '@pageferry/linux';
import { DESCRIPTORS_FLAG, OWN_MEMORY_FLAG, PLACE_UNIT } from '../layout.js';
import { Windows } from '../memory/window.js';
import type { ReceiverSettings } from '../options.js';
import type { PassedMemory } from '../queue/passed-memory.js';
import type { InboundMessage } from './inbound-message.js';
import { OwnMemoryView } from './own-memory-view.js';
import type { PayloadView, View } from './payload-view.js';

/** What {@link MessageMemories} needs. It takes the payload memory and what was passed over. */
export interface MessageMemoriesSettings {
  readonly calls: LinuxCalls;
  readonly receiver: Pick<ReceiverSettings, 'access' | 'guard'>;
  readonly payload: PayloadView;
  readonly passed: PassedMemory;
}

/** What an entry says of a message for which something was passed. */
export interface PassedEntry {
  readonly sequence: number;
  readonly byteLength: number;
  /** The slot id, with its flags. */
  readonly name: number;
  /** Where it lies in the payload memory, unless it has memory of its own. Checked. */
  readonly place: number;
}

/** Where such a message lies, and the descriptors that came with it. */
export interface Opened {
  readonly shown: View | OwnMemoryView;
  readonly attached: readonly OwnedFd[];
}

/** Where messages lie: in the sender's payload memory, or each in memory of its own. */
export class MessageMemories {
  readonly #settings: MessageMemoriesSettings;
  readonly #windows: Windows;
  /** Those of messages that are held. */
  readonly #owns = new Set<OwnMemoryView>();
  /** What was passed for a message that could not be shown yet. */
  #unopened: readonly OwnedFd[] = [];
  /** Messages that are held, and came with descriptors. */
  readonly #carriers = new Set<InboundMessage>();

  constructor(settings: MessageMemoriesSettings) {
    this.#settings = settings;
    this.#windows = new Windows(settings.calls);
  }

  /** Bytes of all memory of the sender's that is mapped. */
  get byteLength(): number {
    let sum = this.#settings.payload.byteLength;
    for (const own of this.#owns) sum += own.byteLength;
    return sum;
  }

  /**
   * Shows a message for which something was passed: memory of its own, descriptors, or both. May be tried again if it
   * throws: the lack of memory or descriptors may pass.
   *
   * @returns `'lost'` if that is lost: this process had no descriptors left when it came.
   * @throws `PEER_MISBEHAVED`, `SYSTEM_CALL_FAILED`.
   */
  openPassed(entry: PassedEntry): Opened | 'lost' {
    if (this.#unopened.length === 0) {
      const passed = this.#settings.passed.take(entry.sequence | 0) ?? [];
      if (passed === 'lost') return passed;
      this.#unopened = passed;
    }
    const all = this.#unopened;
    const isOwn = (entry.name & OWN_MEMORY_FLAG) !== 0;
    const attached = isOwn ? all.slice(1) : all;
    if (attached.length > 0 !== ((entry.name & DESCRIPTORS_FLAG) !== 0)) {
      throw senderMisbehaved(
        attached.length > 0
          ? 'a message has descriptors, and its entry says none'
          : 'the descriptors of a message were not passed',
      );
    }
    const shown = isOwn ? this.#openOwn(all[0], entry) : this.#show(entry);
    this.#unopened = [];
    return { shown, attached };
  }

  /** Notes a message that came with descriptors: those that nobody takes are closed with it. */
  noteCarrier(message: InboundMessage): void {
    if (message.descriptorCount > 0) this.#carriers.add(message);
  }

  #show({ name, place, byteLength }: PassedEntry): View {
    return this.#settings.payload.take(name, place, byteLength);
  }

  /** Takes the descriptor over if it does not throw. */
  #openOwn(fd: OwnedFd | undefined, { byteLength, sequence }: PassedEntry): OwnMemoryView {
    const { calls, receiver } = this.#settings;
    const settings = { calls, windows: this.#windows, ...receiver };
    const own = OwnMemoryView.open(settings, fd, { byteLength, sequence });
    fd?.close();
    this.#owns.add(own);
    return own;
  }

  /** Has the next message in the same place be another object: part of this one moves on, or its bytes are shown anew. */
  keepApart({ place }: InboundMessage): void {
    if (!(place instanceof OwnMemoryView)) place.message = undefined;
  }

  /** Has a message show its bytes again, if a program has detached those that it was shown before. */
  renew(message: InboundMessage): void {
    if (!message.isDetached) return;
    const { place, byteLength } = message;
    message.bytes =
      place instanceof OwnMemoryView
        ? place.renewed(byteLength)
        : this.#settings.payload.renewed(place);
  }

  /**
   * The bytes of a message once more, in an `ArrayBuffer` that nothing else has. `undefined` for one with memory of its own:
   * the next such message is shown through the same.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  ownBytesOf({ place }: InboundMessage): Uint8Array<ArrayBuffer> | undefined {
    return place instanceof OwnMemoryView ? undefined : this.#settings.payload.renewed(place);
  }

  /**
   * What is left of a message, for other threads.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  forThreads({ place, offset, rest }: InboundMessage): ThreadAlias {
    const { mapping } = this.#settings.payload;
    return place instanceof OwnMemoryView
      ? place.mapping.threadAlias(offset, rest, mapping)
      : mapping.threadAlias(place.place * PLACE_UNIT + offset, rest, mapping);
  }

  /**
   * What threads ring that are done with a message.
   *
   * @throws `SYSTEM_CALL_FAILED` (`EMFILE`, `ENFILE`).
   */
  threadBell(): number {
    return this.#settings.payload.mapping.threadBell();
  }

  /** Length of the sender's payload memory in bytes. */
  get payloadBytes(): number {
    return this.#settings.payload.byteLength;
  }

  /** Takes the memory of a message back, and closes the descriptors that nobody has taken. */
  giveBack(message: InboundMessage): void {
    const { place } = message;
    if (this.#carriers.size > 0 && this.#carriers.delete(message)) message.closeDescriptors();
    if (place instanceof OwnMemoryView) {
      this.#owns.delete(place);
      place.close();
    } else {
      this.#settings.payload.giveBack(place);
    }
  }

  /** Lets everything go. What a program holds stays readable. */
  close(): void {
    this.#settings.payload.close();
    for (const own of this.#owns) own.abandon();
    this.#windows.close();
    this.#settings.passed.close();
    for (const descriptor of this.#unopened) descriptor.close();
    this.#unopened = [];
    for (const message of this.#carriers) message.closeDescriptors();
    this.#carriers.clear();
  }
}
