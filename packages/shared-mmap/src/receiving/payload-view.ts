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
import { guardedView, takeAway } from '../memory/guarded-view.js';
import { SlotBuffers } from '../memory/slot-buffers.js';
import { slotSize } from '../memory/slot-size.js';
import type { Access } from '../options.js';
import { WriteGuard } from './write-guard.js';

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
  readonly offset: number;
  readonly byteLength: number;
  /** The slot, or as much of it as was needed, in an `ArrayBuffer` of its own. */
  readonly buffer: ArrayBuffer;
  /** True from when it is handed out until it is given back. */
  held: boolean;
}

/** The sender's payload memory, as this receiver maps it. */
export class PayloadView implements Disposable {
  readonly #settings: PayloadViewSettings;
  readonly #mapping: Mapping;
  readonly #buffers: SlotBuffers;
  readonly #writes: WriteGuard | undefined;
  /** Making a view costs more than all the rest of receiving: the last ones are used again. */
  readonly #views: (View | undefined)[] = [];
  /** Those that are held and have no place among them. */
  readonly #others = new Set<View>();

  private constructor(settings: PayloadViewSettings, mapping: Mapping) {
    this.#settings = settings;
    this.#mapping = mapping;
    this.#buffers = new SlotBuffers(mapping);
    const { calls, access } = settings;
    if (access === 'read-only') this.#writes = new WriteGuard(calls, mapping.buffer);
  }

  /**
   * Maps the payload memory of a sender, after checking all that it is believed in.
   *
   * @param fd stays the caller's; it may be closed afterwards.
   * @throws `PEER_MISBEHAVED`, `NOT_SUPPORTED` if the sender does not let receivers write and this one
   *   wants to, `SYSTEM_CALL_FAILED`.
   */
  static open(fd: OwnedFd, settings: PayloadViewSettings): PayloadView {
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
    return new PayloadView(settings, mapping);
  }

  get byteLength(): number {
    return this.#mapping.byteLength;
  }

  /**
   * The bytes of a message, until they are given back. Only what lies within the memory.
   *
   * @param slotId names the slot; messages in the same slot often have the same length.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  take(slotId: number, offset: number, byteLength: number, sequence: number): View {
    this.#writes?.note(slotId, offset, byteLength, sequence);
    const known = this.#views[slotId & (CACHED_VIEWS - 1)];
    const fits = known?.offset === offset && known.byteLength === byteLength && byteLength > 0;
    // A view that the program has detached has no length.
    const view =
      fits && known.bytes.length === byteLength ? known : this.#make(slotId, offset, byteLength);
    view.held = true;
    return view;
  }

  /** Takes the bytes of a message back. */
  giveBack(view: View): void {
    view.held = false;
    if (this.#others.size > 0) this.#others.delete(view);
    if (this.#settings.guard) takeAway(this.#settings.calls, view.buffer);
  }

  /** The same bytes again, if a program has detached those that it was shown before. */
  renewed({ offset, byteLength }: View): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#mapping.alias(offset, byteLength));
  }

  #make(slotId: number, offset: number, byteLength: number): View {
    const place = slotId & (CACHED_VIEWS - 1);
    const known = this.#views[place];
    if (known?.held) this.#others.add(known);
    if (this.#settings.guard) {
      const buffer = this.#mapping.alias(offset, byteLength);
      const bytes = guardedView(buffer, byteLength, 'delivery');
      const view: View = { bytes, offset, byteLength, buffer, held: true };
      this.#others.add(view);
      return view;
    }
    const here = known?.offset === offset && known.buffer.byteLength >= byteLength;
    const buffer = here && !isDetached(known) ? known.buffer : this.#bufferOf(offset, byteLength);
    const bytes = new Uint8Array(buffer, 0, byteLength);
    const view: View = { bytes, offset, byteLength, buffer, held: true };
    this.#views[place] = view;
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
      if (view?.held) kept.push(view.offset, view.byteLength);
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
