import type { LoanMemory } from '../base/hooks.js';
import { LoopHolder } from '../base/loop-holder.js';
import { Presence } from '../base/presence.js';
import { counted } from '../base/words.js';
import { checkInteger, checkOptionalInteger } from '../checks.js';
import type { AnyChannel, AnyChannelOptions } from '../contract/any-channel.js';
import type { Capabilities } from '../contract/capabilities.js';
import type {
  Channel,
  ChannelDelivery,
  ChannelEvent,
  Listener,
  ListenerStats,
} from '../contract/channel.js';
import type { Inspection } from '../contract/inspection.js';
import type { WaitOptions } from '../contract/transport.js';
import { PageferryError } from '../errors.js';
import { checkOptions } from '../options.js';
import { clock } from '../waiting/clock.js';
import { checkMayWait, checkWaitOptions, withDeadline } from '../waiting/deadline.js';
import { type LoopBudget, lastInNextTurn } from '../waiting/loop-budget.js';
import type { Waits } from '../waiting/waits.js';
import { addUpStats, noStats, type Summand } from './add-up-stats.js';
import { AnyOutbox, type Lender } from './any-outbox.js';
import { BaseAnyChannel } from './base-any-channel.js';
import type { BaseChannel } from './base-channel.js';
import { ChannelSender } from './channel-sender.js';

/** What every backend tells {@link BaseListener}, and the parts that it hands in. */
export interface BaseListenerSettings {
  /** As it was asked for. */
  readonly endpoint: string;
  /** Watches how long this listener holds the event loop. */
  readonly budget: LoopBudget;
  /** Where calls wait for channels, and for messages of any of them. */
  readonly waits: Waits;
  /**
   * Asked while there is no channel. By default somebody may always come.
   *
   * @throws `PEER_DIED` if nobody can come any more.
   */
  readonly checkMayCome?: () => void;
  /** Lends memory that any channel can send. */
  readonly lender: Lender<LoanMemory>;
  /** Those of the transport. */
  readonly capabilities: Capabilities;
  /** What the pool may have out, in bytes. */
  readonly poolBytes: number;
  /** See `ListenOptions.histograms`: as its channels have it. Default: false. */
  readonly histograms?: boolean;
  /** Has the endpoint keep the event loop alive, or stop it. */
  readonly keepAlive: (on: boolean) => void;
}

const NOTHING: WaitOptions = {};
const MAX_UNDER_WAY = 16;
const CLOSED = 'this listener is closed';
const END: IteratorReturnResult<undefined> = { value: undefined, done: true };

/** What of a channel a {@link BaseListener} has to know. */
interface Member {
  readonly channel: BaseChannel;
  /** True once somebody has it who will close it. */
  isAccepted: boolean;
  /** True once its peer has hung up. */
  isPeerGone: boolean;
  /** True once nothing more comes from it. */
  isDrained: boolean;
  hasLeft: boolean;
}

/**
 * The listening half of every backend: its channels, who has joined and left, and the next message of any of them. A
 * backend admits channels, says when a peer is gone, and wakes the waits when anything has come.
 */
export abstract class BaseListener extends LoopHolder implements Listener {
  readonly endpoint: string;
  readonly #settings: BaseListenerSettings;
  readonly #budget: LoopBudget;
  readonly #waits: Waits;
  readonly #checkMayCome: (() => void) | undefined;
  /** The senders behind {@link anyChannel}. */
  readonly #shares = new Set<ChannelSender<LoanMemory>>();
  readonly #presence = new Presence<Channel>();
  /** In the order in which they came. */
  readonly #members = new Map<Channel, Member>();
  readonly #unaccepted: Member[] = [];
  /** Those that have left, of which the program holds something. */
  readonly #departed = new Set<BaseChannel>();
  /** All that are not closed, also those that have left. */
  readonly #unclosed = new Set<BaseChannel>();
  /** What those had counted that are closed. */
  #past: Summand;
  /** Who is asked for a message first: everybody before it was asked later. */
  #turn: readonly Member[] = [];
  #keepsAlive = true;
  #closing: Promise<void> | undefined;

  protected constructor(settings: BaseListenerSettings) {
    super('pageferry:Listener', (on) => {
      this.#keepsAlive = on;
      settings.keepAlive(on);
      for (const channel of this.#members.keys()) on ? channel.ref() : channel.unref();
    });
    this.#settings = settings;
    this.#past = noStats(settings.histograms === true);
    this.endpoint = settings.endpoint;
    this.#budget = settings.budget;
    this.#waits = settings.waits;
    this.#checkMayCome = settings.checkMayCome;
  }

  /** Takes no more peers, and gives the endpoint back. Channels may go on until {@link freePool}. */
  protected abstract stopListening(): void;
  /** Frees what the channels shared, when all of them are closed. */
  protected abstract freePool(): void;

  /** True once it was closed or destroyed. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  get channels(): readonly Channel[] {
    return [...this.#members.keys()];
  }

  async accept(options: WaitOptions = NOTHING): Promise<Channel> {
    this.#checkOpen();
    checkMayWait(options);
    let accepted: BaseChannel | undefined;
    const take = (): boolean => {
      accepted = this.#nextUnaccepted();
      if (accepted === undefined) this.#checkMayCome?.();
      return accepted !== undefined;
    };
    await withDeadline(
      options,
      (signal) => this.#waits.until(take, signal),
      () => `nobody has connected to ${this.endpoint}`,
    );
    return accepted as BaseChannel;
  }

  async waitForChannels(count = 1, options: WaitOptions = NOTHING): Promise<void> {
    this.#checkOpen();
    checkInteger('count', count, 0);
    checkMayWait(options);
    const areThere = (): boolean => {
      if (this.#members.size >= count) return true;
      this.#checkMayCome?.();
      return false;
    };
    await withDeadline(
      options,
      (signal) => this.#waits.until(areThere, signal),
      () => `${this.#members.size} of ${counted(count, 'channel')} at ${this.endpoint}`,
    );
  }

  tryReceive(): ChannelDelivery | undefined {
    this.#checkOpen();
    return this.#take();
  }

  async receive(options: WaitOptions = NOTHING): Promise<ChannelDelivery | undefined> {
    this.#checkOpen();
    if (options !== NOTHING) checkMayWait(options);
    if (!this.#budget.exhausted()) {
      const found = this.#take();
      if (found !== undefined) return found;
    }
    let found: ChannelDelivery | undefined;
    const take = (): boolean => {
      found = this.#take();
      return found !== undefined || this.#isOver;
    };
    const wait = async (signal: AbortSignal | undefined): Promise<void> => {
      if (this.#budget.exhausted()) await lastInNextTurn();
      await this.#waits.until(take, signal);
    };
    await withDeadline(
      options,
      wait,
      () => `no message has come on any of ${this.#members.size} channels of ${this.endpoint}`,
    );
    return found;
  }

  [Symbol.asyncIterator](): AsyncIterator<ChannelDelivery, undefined> {
    let ended = false;
    return {
      next: async () => {
        const value = ended ? undefined : await this.receive();
        ended = value === undefined;
        return value === undefined ? END : { value, done: false };
      },
      return: () => {
        ended = true;
        return Promise.resolve(END);
      },
    };
  }

  anyChannel(options: AnyChannelOptions = {}): AnyChannel {
    this.#checkOpen();
    const { maxUnderWay } = checkOptions(options, ['maxUnderWay']);
    const { lender, capabilities, poolBytes, endpoint, budget, waits, histograms } = this.#settings;
    const outbox = new AnyOutbox({
      lender,
      channels: () => [...this.#members.keys()] as BaseChannel[],
      maxUnderWay: checkOptionalInteger('maxUnderWay', maxUnderWay, MAX_UNDER_WAY, 1),
    });
    const sender = new ChannelSender({
      endpoint,
      capabilities,
      poolBytes,
      budget,
      waits,
      outbox,
      method: { method: 'any channel' },
      ...(histograms && { histograms }),
      whyClosed: CLOSED,
      end: () => undefined,
    });
    this.#shares.add(sender);
    return new BaseAnyChannel({ sender, outbox, lender, budget });
  }

  on(event: ChannelEvent, listener: (channel: Channel, reason?: unknown) => void): this {
    this.#presence.on(event, listener);
    return this;
  }

  off(event: ChannelEvent, listener: (channel: Channel, reason?: unknown) => void): this {
    this.#presence.off(event, listener);
    return this;
  }

  stats(): ListenerStats {
    const { lender } = this.#settings;
    if (!this.closed) lender.settle();
    const channels = [...this.#unclosed].map((channel) => {
      const stats = channel.stats();
      return { ...stats, sharedBytes: stats.sharedBytes - channel.pooledBytes };
    });
    const all = addUpStats([this.#past, ...channels, ...this.#statsOfShares()]);
    return {
      ...all,
      bytesOut: this.closed ? 0 : lender.bytesOut,
      sharedBytes: all.sharedBytes + (this.closed ? 0 : (lender.sharedBytes ?? 0)),
      channelsOpen: this.#members.size,
    };
  }

  /** What this listener tells of itself to who inspects it. For backends only. */
  inspect(): Inspection {
    const { deliveriesHeld, bytesHeld, channelsOpen, histograms, ...counters } = this.stats();
    return {
      schema: 1,
      side: 'listener',
      endpoint: this.endpoint,
      pid: process.pid,
      at: clock.now(),
      counters,
      waitsFor: [],
      peerCount: channelsOpen,
      peers: this.channels.map((channel) => {
        const { messagesReceived, messagesSent } = channel.stats();
        return { pid: channel.peer?.pid, uid: channel.peer?.uid, messagesReceived, messagesSent };
      }),
    };
  }

  /** What is counted where any channel is lent for; what was sent is counted by the channel that has sent it. */
  #statsOfShares(): readonly Summand[] {
    const none = noStats(this.#settings.histograms === true);
    return [...this.#shares].map((share) => {
      const { loansHeld, histograms } = share.stats();
      if (none.histograms === undefined || histograms === undefined) return { ...none, loansHeld };
      const { waitedMicroseconds } = histograms;
      return { ...none, loansHeld, histograms: { ...none.histograms, waitedMicroseconds } };
    });
  }

  async close(options: WaitOptions = NOTHING): Promise<void> {
    if (this.#closing === undefined) {
      checkWaitOptions(options);
      this.#closing = this.#end((channel) => channel.close(options));
    }
    return this.#closing;
  }

  async destroy(): Promise<void> {
    this.#closing ??= this.#end((channel) => channel.destroy());
    // An orderly end that is under way waits no longer.
    await Promise.all(this.channels.map((channel) => channel.destroy()));
    await this.#closing.catch(() => undefined);
  }

  /** A channel has been set up. */
  protected admit(channel: BaseChannel): void {
    const member = {
      channel,
      isAccepted: false,
      isPeerGone: false,
      isDrained: false,
      hasLeft: false,
    };
    this.#members.set(channel, member);
    this.#unclosed.add(channel);
    this.#turn = [...this.#turn, member];
    this.#unaccepted.push(member);
    channel.receiver.tellOfRoom(() => this.#waits.wake());
    if (!this.#keepsAlive) channel.unref();
    this.#presence.tell('join', () => channel);
    this.#waits.wake();
  }

  /** The peer of a channel has hung up. */
  protected peerHungUp(channel: BaseChannel): void {
    const member = this.#members.get(channel);
    if (member === undefined) return;
    member.isPeerGone = true;
    this.#leaveIfDrained(member);
    this.#waits.wake();
  }

  /** A channel was closed on this side. */
  protected channelClosed(channel: BaseChannel): void {
    this.#departed.delete(channel);
    if (this.#unclosed.delete(channel)) this.#past = addUpStats([this.#past, channel.stats()]);
    const member = this.#members.get(channel);
    if (member !== undefined) this.#leave(member, undefined);
    this.#waits.wake();
  }

  get #isOver(): boolean {
    if (this.#members.size > 0 || this.#checkMayCome === undefined) return false;
    try {
      this.#checkMayCome();
      return false;
    } catch {
      return true;
    }
  }

  #nextUnaccepted(): BaseChannel | undefined {
    const member = this.#unaccepted.shift();
    if (member !== undefined) member.isAccepted = true;
    return member?.channel;
  }

  /** The next message of the channel whose turn it is, or of the next one that has one. */
  #take(): ChannelDelivery | undefined {
    const members = this.#turn;
    for (let index = 0; index < members.length; index++) {
      const member = members[index] as Member;
      const delivery = this.#takeFrom(member);
      if (delivery === undefined) continue;
      // Everybody who was passed over had nothing.
      this.#turn = [...members.slice(index + 1), ...members.slice(0, index), member];
      this.#turn = this.#turn.filter(({ hasLeft }) => !hasLeft);
      return delivery;
    }
    return undefined;
  }

  #takeFrom(member: Member): ChannelDelivery | undefined {
    const { channel } = member;
    if (channel.closed || member.isDrained) return undefined;
    try {
      const delivery = channel.tryReceive();
      if (delivery !== undefined || !channel.ended) return delivery;
      member.isDrained = true;
      // It may still want answers, as long as it is there.
      if (member.isPeerGone) this.#leave(member, undefined);
    } catch (error) {
      member.isDrained = true;
      this.#leave(member, error);
    }
    return undefined;
  }

  /** Nobody may ever ask for a message of a channel whose peer is gone: then it is to leave all the same. */
  #leaveIfDrained(member: Member): void {
    if (member.channel.closed) return;
    try {
      member.isDrained ||= member.channel.peek() === undefined && member.channel.ended;
      if (member.isDrained) this.#leave(member, undefined);
    } catch (error) {
      member.isDrained = true;
      this.#leave(member, error);
    }
  }

  #leave(member: Member, reason: unknown): void {
    if (member.hasLeft) return;
    member.hasLeft = true;
    const { channel } = member;
    this.#members.delete(channel);
    this.#turn = this.#turn.filter((other) => other !== member);
    const index = this.#unaccepted.indexOf(member);
    if (index >= 0) this.#unaccepted.splice(index, 1);
    // Whoever has accepted it has still to learn of its end, and closes it.
    if (!channel.closed && !member.isAccepted) {
      this.#departed.add(channel);
      channel.closeWhenUnused();
    }
    this.#presence.tell('leave', () => channel, reason);
  }

  async #end(endChannel: (channel: Channel) => Promise<void>): Promise<void> {
    await null; // From here on `closed` is true.
    this.doneWaiting();
    this.#waits.fail(new PageferryError('CLOSED', CLOSED));
    this.stopListening();
    for (const share of this.#shares) await share.destroy();
    const open = [...this.channels, ...this.#departed];
    const ended = await Promise.allSettled(open.map(endChannel));
    this.freePool();
    const failed = ended.find((each) => each.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  #checkOpen(): void {
    if (this.closed) throw new PageferryError('CLOSED', CLOSED);
  }
}
