import { BaseSender, type BaseSenderSettings } from '../base/base-sender.js';
import type { LoanMemory } from '../base/hooks.js';

/** What a mechanism tells the sending half of a channel. */
export interface ChannelSenderSettings<M extends LoanMemory> extends BaseSenderSettings<M> {
  /**
   * Ends this half, and frees what is its own.
   *
   * @param inOrder true once everything has left: the other side is told. See `BaseSender.end`.
   */
  readonly end: (inOrder: boolean) => void;
}

/** The sending half of a channel: an outbox with one subscriber. */
export class ChannelSender<M extends LoanMemory> extends BaseSender<M> {
  readonly #end: (inOrder: boolean) => void;

  constructor(settings: ChannelSenderSettings<M>) {
    super({ whyClosed: 'this channel is closed, or has finished sending', ...settings });
    this.#end = settings.end;
  }

  protected override async end(inOrder: boolean): Promise<void> {
    this.#end(inOrder);
  }
}
