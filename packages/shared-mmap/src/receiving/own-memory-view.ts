import { senderMisbehaved } from '@pageferry/connection';
import {
  F_SEAL_WRITE,
  type LinuxCalls,
  MAP_PRIVATE,
  type Mapping,
  type OwnedFd,
  PROT_READ,
  PROT_WRITE,
  SIZE_SEALS,
} from '@pageferry/linux';
import { alignUp } from '../memory/ranges.js';
import type { Window, Windows } from '../memory/window.js';
import type { Access } from '../options.js';
import { explainWrites, oneEntry } from './explain-writes.js';
import { checkedLength } from './payload-view.js';

/** What it takes to show a message that has memory of its own. */
export interface OwnMemorySettings {
  readonly calls: LinuxCalls;
  readonly access: Access;
  readonly guard: boolean;
  readonly windows: Windows;
}

/** The memory of one message that has its own, as this receiver maps it. */
export class OwnMemoryView {
  readonly #settings: OwnMemorySettings;
  readonly #window: Window;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What is mapped, in whole pages. */
  readonly byteLength: number;

  private constructor(
    settings: OwnMemorySettings,
    window: Window,
    byteLength: number,
    shown: number,
  ) {
    this.#settings = settings;
    this.byteLength = shown;
    this.#window = window;
    this.bytes = window.bytes(byteLength, settings.guard ? 'delivery' : undefined);
  }

  /**
   * Maps the memory that was passed for a message, after checking that nobody can change it any more.
   *
   * @param fd what was passed, if anything. It stays the caller's; it may be closed afterwards.
   * @throws `PEER_MISBEHAVED`, `SYSTEM_CALL_FAILED`.
   */
  static open(
    settings: OwnMemorySettings,
    fd: OwnedFd | undefined,
    message: { readonly byteLength: number; readonly sequence: number },
  ): OwnMemoryView {
    if (fd === undefined) throw senderMisbehaved('the memory of a message was not passed');
    const { calls, access, windows } = settings;
    const { byteLength, sequence } = message;
    const fileLength = checkedLength(calls, fd, SIZE_SEALS | F_SEAL_WRITE);
    if (byteLength > fileLength) throw senderMisbehaved('a message is longer than its memory');
    const writable = access === 'read-write';
    const protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    const shown = alignUp(fileLength, calls.pageSize());
    const window = windows.take(shown);
    try {
      // Private: a file that is sealed against writing cannot be mapped shared on older kernels.
      // Pages that nobody writes to are the sender's all the same; a page that is written is copied.
      window.mapping.showFile(fd.fd, shown, protection, MAP_PRIVATE);
      if (!writable) explainWrites(calls, window.mapping.buffer, oneEntry(byteLength, sequence));
      return new OwnMemoryView(settings, window, byteLength, shown);
    } catch (error) {
      windows.giveBack(window);
      throw error;
    }
  }

  /** Where it is mapped. It stays this view's. */
  get mapping(): Mapping {
    return this.#window.mapping;
  }

  /** The bytes again, if a program has detached those that it was shown before. */
  renewed(byteLength: number): Uint8Array<ArrayBuffer> {
    return this.#window.bytes(byteLength, undefined);
  }

  /** Lets the memory go; views of it show zeros, or another message, from then on. */
  close(): void {
    if (this.#settings.guard) this.#window.takeAway();
    this.#settings.windows.giveBack(this.#window);
  }

  /** For a message that the program still holds: it goes on seeing it. */
  abandon(): void {
    this.#window.mapping.closeLater();
  }
}
