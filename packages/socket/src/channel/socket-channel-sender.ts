import { ChannelSender, type ChannelSenderSettings } from '@pageferry/core';
import type { BufferLoan } from '../memory/loan-pool.js';

/** What {@link SocketChannelSender} needs. */
export interface SocketChannelSenderSettings extends ChannelSenderSettings<BufferLoan> {
  /** Says, behind everything that was accepted, that this was all. */
  readonly announceEnd: () => void;
}

/**
 * The sending half of a channel. Its end leaves like a message, so that closing waits for it under the same time
 * limit.
 */
export class SocketChannelSender extends ChannelSender<BufferLoan> {
  readonly #announceEnd: () => void;

  constructor(settings: SocketChannelSenderSettings) {
    super(settings);
    this.#announceEnd = settings.announceEnd;
  }

  protected override announceEnd(): void {
    this.#announceEnd();
  }
}
