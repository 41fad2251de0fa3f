import type { LinuxCalls, OwnedFd, ThreadAlias } from '@pageferry/linux';
import { PLACE_UNIT } from '../layout.js';
import { Windows } from '../memory/window.js';
import type { ReceiverSettings } from '../options.js';
import type { PassedMemory } from '../queue/passed-memory.js';
import type { InboundMessage } from './inbound-message.js';
import { OwnMemoryView } from './own-memory-view.js';
import type { PayloadView } from './payload-view.js';

/** What {@link MessageMemories} needs. It takes the payload memory and what was passed over. */
export interface MessageMemoriesSettings {
  readonly calls: LinuxCalls;
  readonly receiver: Pick<ReceiverSettings, 'access' | 'guard'>;
  readonly payload: PayloadView;
  readonly passed: PassedMemory;
}

/** Where messages lie: in the sender's payload memory, or each in memory of its own. */
export class MessageMemories {
  readonly #settings: MessageMemoriesSettings;
  readonly #windows: Windows;
  /** Those of messages that are held. */
  readonly #owns = new Set<OwnMemoryView>();
  /** What was passed for a message whose memory could not be mapped yet. */
  #unmapped: OwnedFd | undefined;

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
   * Shows a message that has memory of its own. May be tried again if it throws: the lack of memory or
   * descriptors may pass.
   *
   * @returns `'lost'` if its memory is lost: this process had no descriptor left when it came.
   * @throws `PEER_MISBEHAVED`, `SYSTEM_CALL_FAILED`.
   */
  openOwn(sequence: number, byteLength: number): OwnMemoryView | 'lost' {
    if (this.#unmapped === undefined) {
      const passed = this.#settings.passed.take(sequence | 0);
      if (passed === 'lost') return passed;
      this.#unmapped = passed;
    }
    const { calls, receiver } = this.#settings;
    const settings = { calls, windows: this.#windows, ...receiver };
    const own = OwnMemoryView.open(settings, this.#unmapped, { byteLength, sequence });
    this.#unmapped?.close();
    this.#unmapped = undefined;
    this.#owns.add(own);
    return own;
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

  /** Takes the memory of a message back. */
  giveBack({ place }: InboundMessage): void {
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
    this.#unmapped?.close();
  }
}
