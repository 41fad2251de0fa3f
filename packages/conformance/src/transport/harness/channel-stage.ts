import type { Channel, Listener } from '@pageferry/core';
import { describe } from 'vitest';
import { ChannelUser } from '../peers/channel-user.js';
import type { Subject } from '../registration.js';
import type { Peer } from './peer.js';
import { RemoteChannel, RemoteListener } from './remote-channel.js';
import { type Options, registerStage, Stage } from './stage.js';

/** What this process does to get a channel; the peer does the other. */
export type Role = 'listens' | 'connects';

/** Both roles, for cases that hold on either side. */
export const ROLES: readonly Role[] = ['listens', 'connects'];

/** Options of the two sides of a channel. */
export interface SideOptions {
  readonly here?: Options;
  readonly there?: Options;
}

/** A channel with one side in this process, and the other in a peer. */
export interface ChannelPair {
  readonly here: ChannelUser;
  readonly there: RemoteChannel;
}

/** A stage with listeners and channels. */
export class ChannelStage extends Stage {
  /** A listener of this process. */
  async listener(options: Options = {}, endpoint = this.endpoint()): Promise<Listener> {
    const { transport, channelOptions } = this.subject;
    const listener = await transport.listen({ endpoint, ...channelOptions, ...options });
    this.defer(() => listener.destroy());
    return listener;
  }

  /** A channel of this process. */
  async channel(endpoint: string, options: Options = {}): Promise<Channel> {
    const { transport, channelOptions } = this.subject;
    const channel = await transport.connect({ endpoint, ...channelOptions, ...options });
    this.defer(() => channel.destroy());
    return channel;
  }

  /** A listener of a peer. */
  async remoteListener(
    endpoint = this.endpoint(),
    options: Options = {},
    peer?: Peer,
  ): Promise<RemoteListener> {
    const owner = peer ?? (await this.peer());
    const all = { endpoint, ...this.subject.channelOptions, ...options };
    return new RemoteListener(owner, endpoint, await owner.call('listen', all));
  }

  /** A channel of a peer. */
  async remoteChannel(
    endpoint: string,
    options: Options = {},
    peer?: Peer,
  ): Promise<RemoteChannel> {
    const owner = peer ?? (await this.peer());
    const all = { endpoint, ...this.subject.channelOptions, ...options };
    return new RemoteChannel(owner, await owner.call('connect', all));
  }

  /** A channel between this process and a peer. */
  async pair(role: Role, options: SideOptions = {}, peer?: Peer): Promise<ChannelPair> {
    if (role === 'listens') {
      const listener = await this.listener(options.here);
      const there = await this.remoteChannel(listener.endpoint, options.there, peer);
      return { here: new ChannelUser(await listener.accept()), there };
    }
    const listener = await this.remoteListener(this.endpoint(), options.there, peer);
    const here = new ChannelUser(await this.channel(listener.endpoint, options.here));
    return { here, there: await listener.accept() };
  }

  /** A channel with both sides in this process, on one event loop. */
  async bothHere(
    role: Role,
    options: SideOptions = {},
  ): Promise<{ readonly here: ChannelUser; readonly there: ChannelUser }> {
    const listens = role === 'listens';
    const listener = await this.listener(listens ? options.here : options.there);
    const connecting = this.channel(listener.endpoint, listens ? options.there : options.here);
    const [one, two] = await Promise.all([listener.accept(), connecting]);
    const [here, there] = listens ? [one, two] : [two, one];
    return { here: new ChannelUser(here), there: new ChannelUser(there) };
  }
}

/**
 * Registers cases about channels, which are skipped where the transport has none.
 *
 * @param cases registers them on a stage.
 * @param applies false where something else is missing that they need.
 */
export function describeChannels(
  title: string,
  subject: Subject,
  cases: (stage: ChannelStage) => void,
  applies = true,
): void {
  describe.runIf(applies && subject.transport.capabilities.maxChannels > 0)(title, () => {
    cases(registerStage(new ChannelStage(subject)));
  });
}

/** As {@link describeChannels}, for cases that hold on either side: once in each role. */
export function describeBothRoles(
  title: string,
  subject: Subject,
  cases: (stage: ChannelStage, role: Role) => void,
  applies = true,
): void {
  const both = (stage: ChannelStage): void => {
    describe.each(ROLES)('where this process %s', (role) => cases(stage, role));
  };
  describeChannels(title, subject, both, applies);
}
