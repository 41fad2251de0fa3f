import { isPageferryError, type Listener } from '@pageferry/core';
import { respondTo } from './answers.js';
import type { ListenerActions } from './channel-actions.js';

/** A listener of a peer, and what it does with it. */
export class ListenerUser implements ListenerActions {
  readonly listener: Listener;

  constructor(listener: Listener) {
    this.listener = listener;
  }

  async serve(): Promise<{ readonly messages: number; readonly questions: number }> {
    let messages = 0;
    let questions = 0;
    try {
      for await (using message of this.listener) {
        messages++;
        if (!message.isRequest) continue;
        questions++;
        await respondTo(message, message.channel);
      }
    } catch (error) {
      if (!isPageferryError(error, 'CLOSED')) throw error;
    }
    return { messages, questions };
  }

  async count(): Promise<number> {
    return this.listener.channels.length;
  }

  close(): Promise<void> {
    return this.listener.close();
  }

  destroy(): Promise<void> {
    return this.listener.destroy();
  }
}
