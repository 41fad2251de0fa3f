import { senderMisbehaved } from '@pageferry/connection';
import { dispose, PageferryError } from '@pageferry/core';
import {
  checkResult,
  F_SEAL_FUTURE_WRITE,
  type LinuxCalls,
  Mapping,
  type OwnedFd,
  PROT_READ,
  PROT_WRITE,
  SIZE_SEALS,
  STAT_FIELD,
} from '@pageferry/linux';
import { MAX_MESSAGE_BYTES } from '../capabilities.js';
import { PLACE_UNIT } from '../layout.js';
import { guardedView, takeAway } from '../memory/guarded-view.js';
import { SlotBuffers } from '../memory/slot-buffers.js';
import { slotSize } from '../memory/slot-size.js';
import type { Access } from '../options.js';
import { explainWrites, type PublishedEntries } from './explain-writes.js';
import type { InboundMessage } from './inbound-message.js';

/** What a {@link PayloadView} needs. */
export interface PayloadViewSettings {
  readonly calls: LinuxCalls;
  readonly access: Access;
  /** Whether each delivery gets an `ArrayBuffer` that can be taken away from it. */
  readonly guard: boolean;
}

/** How many views are kept to be used again. A power of two. */
const CACHED_VIEWS = 4096;

/** The bytes of a message, and what they are of: asking a typed array costs a call each time. */
export interface View {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where they begin in the payload memory, in units of {@link PLACE_UNIT} bytes. */
  readonly place: number;
  readonly byteLength: number;
  /** The slot, or as much of it as was needed, in an `ArrayBuffer` of its own. */
  readonly buffer: ArrayBuffer;
  /** True from when it is handed out until it is given back. */
  held: boolean;
  /**
   * What the last message here was, if the next one of the same length and without a tag may be the same object: to make
   * another one for each takes more memory than all the rest of receiving.
   */
  message: InboundMessage | undefined;
}

/** The sender's payload memory, as this receiver maps it. */
export class PayloadView implements Disposable {
  readonly #settings: PayloadViewSettings;
  readonly #mapping: Mapping;
  readonly #buffers: SlotBuffers;
  /** Making a view costs more than all the rest of receiving: the last ones are used again. */
  readonly #views: (View | undefined)[] = [];
  /** Those that are held and have no place among them. */
  readonly #others = new Set<View>();

  private constructor(settings: PayloadViewSettings, mapping: Mapping) {
    this.#settings = settings;
    this.#mapping = mapping;
    this.#buffers = new SlotBuffers(mapping);
  }

  /**
   * Maps the payload memory of a sender, after checking all that it is believed in.
   *
   * @param fd stays the caller's; it may be closed afterwards.
   * @param entries say which message lies where. They are to outlive the mapping.
   * @throws `PEER_MISBEHAVED`, `NOT_SUPPORTED` if the sender does not let receivers write and this one
   *   wants to, `SYSTEM_CALL_FAILED`.
   */
  static open(fd: OwnedFd, settings: PayloadViewSettings, entries: PublishedEntries): PayloadView {
    const { calls, access } = settings;
    const byteLength = checkedLength(calls, fd, SIZE_SEALS);
    const writable = access === 'read-write';
    if (writable && (calls.getSeals(fd.fd) & F_SEAL_FUTURE_WRITE) !== 0) {
      throw new PageferryError(
        'NOT_SUPPORTED',
        "this sender lets nobody write: create it with receiverAccess: 'read-write'",
        { argument: 'access' },
      );
    }
    const protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    const mapping = Mapping.shared(calls, fd.fd, byteLength, protection, 'parts');
    if (!writable) explainWrites(calls, mapping.buffer, entries);
    return new PayloadView(settings, mapping);
  }

  get byteLength(): number {
    return this.#mapping.byteLength;
  }

  /** All of it. It stays this view's. */
  get mapping(): Mapping {
    return this.#mapping;
  }

  /**
   * The bytes of a message, until they are given back. Only what lies within the memory.
   *
   * @param slotId names the slot; messages in the same slot often have the same length.
   * @param place where it begins, in units of {@link PLACE_UNIT} bytes.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  take(slotId: number, place: number, byteLength: number): View {
    return this.takeAgain(slotId, place, byteLength) ?? this.#make(slotId, place, byteLength);
  }

  /** As {@link take}, if the last message that was seen in the slot was as long, and was given back; `undefined` otherwise. */
  takeAgain(slotId: number, place: number, byteLength: number): View | undefined {
    const known = this.#views[slotId & (CACHED_VIEWS - 1)];
    if (known === undefined || known.place !== place || known.byteLength !== byteLength) {
      return undefined;
    }
    // A sender may name a slot twice; each of the two messages is given back.
    if (known.held) return undefined;
    // A view that the program has detached has no length.
    if (known.bytes.length !== byteLength || (byteLength === 0 && isDetached(known))) {
      return undefined;
    }
    known.held = true;
    return known;
  }

  /** Takes the bytes of a message back. */
  giveBack(view: View): void {
    view.held = false;
    if (this.#others.size > 0) this.#others.delete(view);
    if (this.#settings.guard) takeAway(this.#settings.calls, view.buffer);
  }

  /** The same bytes again, if a program has detached those that it was shown before. */
  renewed({ place, byteLength }: View): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#mapping.alias(place * PLACE_UNIT, byteLength));
  }

  #make(slotId: number, place: number, byteLength: number): View {
    const offset = place * PLACE_UNIT;
    const index = slotId & (CACHED_VIEWS - 1);
    const known = this.#views[index];
    if (known?.held) this.#others.add(known);
    if (this.#settings.guard) {
      const buffer = this.#mapping.alias(offset, byteLength);
      const bytes = guardedView(buffer, byteLength, 'delivery');
      const view: View = { bytes, place, byteLength, buffer, held: true, message: undefined };
      this.#others.add(view);
      return view;
    }
    const here = known?.place === place && known.buffer.byteLength >= byteLength;
    const buffer = here && !isDetached(known) ? known.buffer : this.#bufferOf(offset, byteLength);
    const bytes = new Uint8Array(buffer, 0, byteLength);
    const view: View = { bytes, place, byteLength, buffer, held: true, message: undefined };
    this.#views[index] = view;
    return view;
  }

  /** The slot that a message of this length lies in. */
  #bufferOf(offset: number, byteLength: number): ArrayBuffer {
    const size = Math.min(slotSize(byteLength), this.byteLength - offset);
    return this.#buffers.of(offset, size);
  }

  /**
   * Lets the memory go. Views stay: those of messages that are held with their bytes, the rest with
   * zeros. Harmless the second time.
   */
  close(): void {
    const kept: number[] = [];
    const keep = (view: View | undefined): void => {
      if (view?.held) kept.push(view.place * PLACE_UNIT, view.byteLength);
    };
    this.#views.forEach(keep);
    this.#others.forEach(keep);
    this.#mapping.close(kept);
    this.#views.length = 0;
    this.#others.clear();
  }

  [dispose](): void {
    this.close();
  }
}

/** Nothing but a detached buffer, and one over nothing, has no length. */
function isDetached({ buffer }: View): boolean {
  return buffer.byteLength === 0;
}

/**
 * Length of a memfd that came from a peer, in bytes.
 *
 * @param seals that it must have: without them the peer could truncate it, and the next access would
 *   be a SIGBUS.
 * @throws `PEER_MISBEHAVED`, `SYSTEM_CALL_FAILED`.
 */
export function checkedLength(calls: LinuxCalls, fd: OwnedFd, seals: number): number {
  const status = new BigInt64Array(6);
  checkResult(calls.fstat(fd.fd, status), 'fstat');
  const byteLength = Number(status[STAT_FIELD.size]);
  const found = calls.getSeals(fd.fd);
  if (found < 0 || (found & seals) !== seals)
    throw senderMisbehaved('the memory it passed is not sealed');
  if (byteLength < 1 || byteLength > MAX_MESSAGE_BYTES + 2 ** 21) {
    throw senderMisbehaved(`the memory it passed has ${byteLength} bytes`);
  }
  return byteLength;
}
