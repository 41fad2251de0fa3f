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
import { aliasOf } from '../memory/alias.js';
import type { Access } from '../options.js';
import { WriteGuard } from './write-guard.js';

/** What a {@link PayloadView} needs. */
export interface PayloadViewSettings {
  readonly calls: LinuxCalls;
  readonly access: Access;
  /** Whether each delivery gets an `ArrayBuffer` that can be taken away from it. */
  readonly guard: boolean;
}

/** How many views are kept to be used again. */
const CACHED_VIEWS = 4096;

/** A view, and what it is of: asking a typed array costs a call each time. */
interface View {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly byteLength: number;
}

/** The sender's payload memory, as this receiver maps it. */
export class PayloadView implements Disposable {
  readonly #settings: PayloadViewSettings;
  readonly #mapping: Mapping;
  readonly #writes: WriteGuard | undefined;
  /** Making a view costs more than all the rest of receiving: the last ones are used again. */
  readonly #views: (View | undefined)[] = [];

  private constructor(settings: PayloadViewSettings, mapping: Mapping) {
    this.#settings = settings;
    this.#mapping = mapping;
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
    return new PayloadView(settings, Mapping.shared(calls, fd.fd, byteLength, protection));
  }

  get byteLength(): number {
    return this.#mapping.byteLength;
  }

  /**
   * The bytes of a message. Only what lies within the memory.
   *
   * @param ticket names the slot; messages in the same slot often have the same length.
   */
  bytes(ticket: number, offset: number, byteLength: number, sequence: number): Uint8Array {
    this.#writes?.note(offset, byteLength, sequence);
    // With `guard` none is kept.
    const known = this.#views[ticket];
    if (known?.offset === offset && known.byteLength === byteLength) return known.bytes;
    return this.#view(ticket, offset, byteLength);
  }

  #view(ticket: number, offset: number, byteLength: number): Uint8Array {
    const { calls, guard } = this.#settings;
    if (guard) return aliasOf(calls, this.#mapping.buffer, offset, byteLength);
    const bytes = new Uint8Array(this.#mapping.buffer, offset, byteLength);
    if (ticket < CACHED_VIEWS) this.#views[ticket] = { bytes, offset, byteLength };
    return bytes;
  }

  /** Unmaps the memory; every view has length 0 from then on. Harmless the second time. */
  close(): void {
    this.#mapping.close();
    this.#views.length = 0;
  }

  [dispose](): void {
    this.close();
  }
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
