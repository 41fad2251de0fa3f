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
  /**
   * Where the message is written. Kept for as long as the program has the loan: what it has kept of
   * `loan.bytes` must not show the message of another one.
   */
  #window: Window | undefined;
  #sealed = false;

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
  bytes(): Uint8Array<ArrayBuffer> {
    const window = this.#window as Window;
    return window.bytes(this.messageLength, this.#settings.guard ? 'loan' : undefined);
  }

  /** What it takes up. */
  get byteLength(): number {
    return this.#memory.byteLength;
  }

  /** True once it was {@link seal}ed. */
  get sealed(): boolean {
    return this.#sealed;
  }

  /** See {@link GrowingMemory.grow}. */
  grow(exhausted: () => boolean): boolean {
    return this.#memory.grow(this.#memory.byteLength, exhausted);
  }

  /**
   * Ends writing for good (`F_SEAL_WRITE`, fcntl(2)): the mapping goes first, or the kernel refuses.
   * What a program has kept of {@link bytes} shows pages of nobody from then on; with `guard`, it is
   * taken away.
   *
   * @returns the descriptor to pass to receivers; it stays this one's.
   * @throws `SYSTEM_CALL_FAILED` (`EBUSY`, if a system call still uses the memory).
   */
  seal(): OwnedFd {
    const { fd } = this.#memory;
    const window = this.#window;
    if (this.#sealed || window === undefined) return fd;
    window.mapping.showNothing();
    const result = this.#settings.calls.addSeals(fd.fd, SIZE_SEALS | F_SEAL_WRITE);
    if (result < 0) {
      const { byteLength } = this.#memory;
      // Not sealed: it can still be written.
      window.mapping.showFile(fd.fd, byteLength, PROT_READ | PROT_WRITE, MAP_SHARED);
      checkResult(result, 'fcntl', 'F_ADD_SEALS');
    }
    this.#sealed = true;
    if (this.#settings.guard) window.takeAway();
    return fd;
  }

  /** The program has it no more: with `guard`, views that it has kept are taken away. */
  endLoan(): void {
    if (this.#window === undefined) return;
    if (this.#settings.guard) this.#window.takeAway();
    this.#settings.windows.giveBack(this.#window);
    this.#window = undefined;
  }

  close(): void {
    this.endLoan();
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
}
