import type { ChannelStats } from '@pageferry/core';
import type { ReceiveReport, SendReport } from '../peers/api.js';
import type {
  Answering,
  AskReport,
  ChannelAction,
  ChannelActions,
  ChannelState,
  ListenerAction,
  ListenerActions,
  ServeReport,
} from '../peers/channel-actions.js';
import type { Peer } from './peer.js';

/** A channel that a peer has. */
export class RemoteChannel implements ChannelActions {
  readonly peer: Peer;
  readonly #id: number;

  constructor(peer: Peer, id: number) {
    this.peer = peer;
    this.#id = id;
  }

  send(...lengths: number[]): Promise<SendReport> {
    return this.#ask('send', ...lengths);
  }
  sendMany(count: number, byteLength: number): Promise<SendReport> {
    return this.#ask('sendMany', count, byteLength);
  }
  fill(byteLength: number): Promise<number> {
    return this.#ask('fill', byteLength);
  }
  receive(count?: number): Promise<ReceiveReport> {
    return this.#ask('receive', count);
  }
  hold(count: number): Promise<ReceiveReport> {
    return this.#ask('hold', count);
  }
  checkHeld(): Promise<ReceiveReport> {
    return this.#ask('checkHeld');
  }
  release(count?: number): Promise<void> {
    return this.#ask('release', count);
  }
  ask(count: number, byteLength: number): Promise<AskReport> {
    return this.#ask('ask', count, byteLength);
  }
  askPolling(count: number, byteLength: number): Promise<AskReport> {
    return this.#ask('askPolling', count, byteLength);
  }
  servePolling(count: number): Promise<void> {
    return this.#ask('servePolling', count);
  }
  serve(count?: number): Promise<ServeReport> {
    return this.#ask('serve', count);
  }
  answer(count: number, how: Answering): Promise<void> {
    return this.#ask('answer', count, how);
  }
  flush(): Promise<void> {
    return this.#ask('flush');
  }
  finish(): Promise<void> {
    return this.#ask('finish');
  }
  close(): Promise<void> {
    return this.#ask('close');
  }
  destroy(): Promise<void> {
    return this.#ask('destroy');
  }
  stats(): Promise<ChannelStats> {
    return this.#ask('stats');
  }
  state(): Promise<ChannelState> {
    return this.#ask('state');
  }

  #ask<A extends ChannelAction>(
    action: A,
    ...args: Parameters<ChannelActions[A]>
  ): ReturnType<ChannelActions[A]> {
    return this.peer.call('useChannel', this.#id, action, args) as ReturnType<ChannelActions[A]>;
  }
}

/** A listener that a peer has. */
export class RemoteListener implements ListenerActions {
  readonly peer: Peer;
  readonly endpoint: string;
  readonly #id: number;

  constructor(peer: Peer, endpoint: string, id: number) {
    this.peer = peer;
    this.endpoint = endpoint;
    this.#id = id;
  }

  async accept(): Promise<RemoteChannel> {
    return new RemoteChannel(this.peer, await this.peer.call('accept', this.#id));
  }
  serve(): ReturnType<ListenerActions['serve']> {
    return this.#ask('serve');
  }
  count(): Promise<number> {
    return this.#ask('count');
  }
  close(): Promise<void> {
    return this.#ask('close');
  }
  destroy(): Promise<void> {
    return this.#ask('destroy');
  }

  #ask<A extends ListenerAction>(action: A): ReturnType<ListenerActions[A]> {
    return this.peer.call('useListener', this.#id, action) as ReturnType<ListenerActions[A]>;
  }
}
