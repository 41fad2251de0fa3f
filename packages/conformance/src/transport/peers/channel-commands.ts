import type { ConnectOptions, ListenOptions, Transport } from '@pageferry/core';
import type { ChannelAction, ListenerAction } from './channel-actions.js';
import { ChannelUser } from './channel-user.js';
import { ListenerUser } from './listener-user.js';
import { Registry } from './registry.js';

/** The listeners and channels of a peer, and what can be asked of them. */
export class ChannelCommands {
  readonly #transport: Transport;
  readonly #listeners = new Registry<ListenerUser>('listener');
  readonly #channels = new Registry<ChannelUser>('channel');

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async listen(options: ListenOptions): Promise<number> {
    return this.#listeners.add(new ListenerUser(await this.#transport.listen(options)));
  }

  async accept(id: number): Promise<number> {
    const { listener } = this.#listeners.get(id);
    return this.#channels.add(new ChannelUser(await listener.accept()));
  }

  async connect(options: ConnectOptions): Promise<number> {
    return this.#channels.add(new ChannelUser(await this.#transport.connect(options)));
  }

  /** The types of the arguments were checked where the test made the call. */
  useListener(id: number, action: ListenerAction): Promise<unknown> {
    return this.#listeners.get(id)[action]();
  }

  useChannel(id: number, action: ChannelAction, args: readonly unknown[]): Promise<unknown> {
    const user = this.#channels.get(id);
    const method = user[action] as (...args: readonly unknown[]) => Promise<unknown>;
    return method.apply(user, args as unknown[]);
  }

  /** Lets go of what is closed: kept here, what a program would have forgotten would look like a leak. */
  forgetClosed(): void {
    this.#channels.forget(({ channel }) => channel.closed);
    this.#listeners.forget(({ listener }) => listener.closed);
  }

  async destroyAll(): Promise<void> {
    await Promise.all(this.#channels.takeAll().map(({ channel }) => channel.destroy()));
    await Promise.all(this.#listeners.takeAll().map(({ listener }) => listener.destroy()));
  }
}
