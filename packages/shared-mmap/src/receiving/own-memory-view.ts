import { senderMisbehaved } from '@pageferry/connection';
import { dispose } from '@pageferry/core';
import {
  F_SEAL_WRITE,
  type LinuxCalls,
  MAP_PRIVATE,
  Mapping,
  type OwnedFd,
  PROT_READ,
  PROT_WRITE,
  SIZE_SEALS,
} from '@pageferry/linux';
import type { Access } from '../options.js';
import { checkedLength } from './payload-view.js';
import { WriteGuard } from './write-guard.js';

/** The memory of one message that has its own, as this receiver maps it. */
export class OwnMemoryView implements Disposable {
  readonly #mapping: Mapping;
  readonly bytes: Uint8Array;

  private constructor(mapping: Mapping, byteLength: number) {
    this.#mapping = mapping;
    this.bytes = new Uint8Array(mapping.buffer, 0, byteLength);
  }

  /**
   * Maps the memory that was passed for a message, after checking that nobody can change it any more.
   *
   * @param fd what was passed, if anything. It stays the caller's; it may be closed afterwards.
   * @throws `PEER_MISBEHAVED`, `SYSTEM_CALL_FAILED`.
   */
  static open(
    calls: LinuxCalls,
    fd: OwnedFd | undefined,
    message: { readonly byteLength: number; readonly sequence: number },
    access: Access,
  ): OwnMemoryView {
    if (fd === undefined) throw senderMisbehaved('the memory of a message was not passed');
    const { byteLength, sequence } = message;
    const fileLength = checkedLength(calls, fd, SIZE_SEALS | F_SEAL_WRITE);
    if (byteLength > fileLength) throw senderMisbehaved('a message is longer than its memory');
    const writable = access === 'read-write';
    // Private: a file that is sealed against writing cannot be mapped shared on older kernels.
    // Pages that nobody writes to are the sender's all the same; a page that is written is copied.
    const protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    const mapping = Mapping.ofFile(calls, fd.fd, fileLength, protection, MAP_PRIVATE);
    if (!writable) new WriteGuard(calls, mapping.buffer, 1).note(0, byteLength, sequence);
    return new OwnMemoryView(mapping, byteLength);
  }

  /** Unmaps the memory; views of it have length 0 from then on. */
  close(): void {
    this.#mapping.close();
  }

  [dispose](): void {
    this.close();
  }
}
