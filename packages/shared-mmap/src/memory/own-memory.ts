import { dispose } from '@pageferry/core';
import {
  checkResult,
  F_SEAL_WRITE,
  type LinuxCalls,
  MAP_SHARED,
  type OwnedFd,
  PROT_READ,
  PROT_WRITE,
  SIZE_SEALS,
} from '@pageferry/linux';
import { GrowingMemory } from './growing-memory.js';
import { alignUp } from './ranges.js';
import type { Window, Windows } from './window.js';

/** What an {@link OwnMemory} needs. */
export interface OwnMemorySettings {
  readonly calls: LinuxCalls;
  /** Where to show it. */
  readonly windows: Windows;
  /** Whether views of it are taken away once it is sealed or closed. */
  readonly guard: boolean;
}

/**
 * Memory of one message's own, for what the pool has no room for at a stretch. Once it is sealed,
 * nobody can change it any more, this process included; receivers map it.
 */
export class OwnMemory implements Disposable {
  readonly #settings: OwnMemorySettings;
  readonly #memory: GrowingMemory;
  readonly messageLength: number;
  /** Where the message is written; none once it is sealed. */
  #window: Window | undefined;

  /** @throws `SYSTEM_CALL_FAILED`. */
  constructor(messageLength: number, settings: OwnMemorySettings) {
    const { calls, windows } = settings;
    this.#settings = settings;
    this.messageLength = messageLength;
    const byteLength = alignUp(messageLength, calls.pageSize());
    const window = windows.take(byteLength);
    try {
      this.#memory = new GrowingMemory(calls, 'pageferry-message', byteLength, window.mapping);
    } catch (error) {
      windows.giveBack(window);
      throw error;
    }
    this.#window = window;
  }

  /**
   * What to write the message into, until it is sealed.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  bytes(): Uint8Array {
    const window = this.#window as Window;
    return window.bytes(this.messageLength, this.#settings.guard ? 'loan' : undefined);
  }

  /** What it takes up. */
  get byteLength(): number {
    return this.#memory.byteLength;
  }

  /** See {@link GrowingMemory.grow}. */
  grow(exhausted: () => boolean): boolean {
    return this.#memory.grow(this.#memory.byteLength, exhausted);
  }

  /**
   * Ends writing for good (`F_SEAL_WRITE`, fcntl(2)): the mapping goes first, or the kernel refuses.
   *
   * @returns the descriptor to pass to receivers; it stays this one's.
   * @throws `SYSTEM_CALL_FAILED` (`EBUSY`, if a system call still uses the memory).
   */
  seal(): OwnedFd {
    const { fd } = this.#memory;
    if (this.#window === undefined) return fd;
    // Kept until it is sealed: the message can still be written if it is not.
    this.#window.mapping.showNothing();
    const result = this.#settings.calls.addSeals(fd.fd, SIZE_SEALS | F_SEAL_WRITE);
    if (result < 0) {
      const { byteLength } = this.#memory;
      this.#window.mapping.showFile(fd.fd, byteLength, PROT_READ | PROT_WRITE, MAP_SHARED);
      checkResult(result, 'fcntl', 'F_ADD_SEALS');
    }
    this.#releaseWindow();
    return fd;
  }

  close(): void {
    this.#releaseWindow();
    this.#memory.fd.close();
  }

  /** As {@link close}, but whoever holds a view goes on seeing the message. */
  abandon(): void {
    this.#window?.mapping.closeLater();
    this.#window = undefined;
    this.#memory.fd.close();
  }

  [dispose](): void {
    this.close();
  }

  #releaseWindow(): void {
    if (this.#window === undefined) return;
    if (this.#settings.guard) this.#window.takeAway();
    this.#settings.windows.giveBack(this.#window);
    this.#window = undefined;
  }
}
