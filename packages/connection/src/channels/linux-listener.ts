import {
  type BaseChannel,
  BaseListener,
  type BaseListenerSettings,
  type Lender,
  type LoanMemory,
  PageferryError,
  type PeerCredentials,
} from '@pageferry/core';
import type { LinuxCalls, OwnedFd } from '@pageferry/linux';
import type { DeliverySource } from '../control/queue.js';
import { createSenderParts, type SenderParts } from '../ends/linux-sender.js';
import { type ChannelConnection, type ChannelTerms, establishChannel } from '../establish.js';
import type { Endpoint } from '../rendezvous/endpoint.js';
import { type ListenerSettings, Listener as Rendezvous } from '../rendezvous/listener.js';
import type { AdaptiveWaits } from '../waiting/adaptive-waits.js';
import type { ChannelEvents } from './join-halves.js';

/** What a {@link LinuxListener} needs. It takes the endpoint over. */
export interface LinuxListenerSettings<Outgoing, Incoming extends DeliverySource>
  extends Omit<BaseListenerSettings, 'budget' | 'waits' | 'lender' | 'checkMayCome' | 'keepAlive'> {
  /** The system calls of a binding. */
  readonly calls: LinuxCalls;
  /** The endpoint, bound. */
  readonly bound: Endpoint;
  /** See {@link ListenerSettings.mechanism}. */
  readonly mechanism: string;
  /** How the two queues of each channel are made. */
  readonly terms: ChannelTerms<Outgoing, Incoming>;
  /** Entries in the queues of either direction. */
  readonly capacity: number;
  /** For how long a wait may poll, in microseconds. */
  readonly spinMicroseconds: number;
  /** How many channels may be open at once. */
  readonly maxChannels: number;
  /** What lends memory that any channel can send. */
  readonly createLender: (parts: SenderParts) => Lender<LoanMemory>;
  /** Has all peers ring when they give something back. */
  readonly parkSending: () => void;
  /** Whether the mechanism can serve one more channel besides. */
  readonly hasRoom?: () => boolean;
}

/** A peer that is let in. */
export interface Newcomer<Outgoing, Incoming extends DeliverySource> {
  /** Both halves of its connection. They are the channel's from now on. */
  readonly ends: ChannelConnection<Outgoing, Incoming>;
  /** What its mechanism has said, as 32-bit words. Unchecked. */
  readonly parameters: Uint32Array;
  /** Who it is, where the kernel tells. */
  readonly credentials: PeerCredentials | undefined;
  /** What came with its hello. See {@link ListenerSettings.admit}. */
  readonly descriptors: readonly OwnedFd[];
  /**
   * Sends the welcome: with the descriptors of the connection, then with these, which stay the caller's.
   *
   * @throws `PEER_DIED` if the peer has left meanwhile, `SYSTEM_CALL_FAILED`.
   */
  readonly welcome: (
    descriptors: readonly { readonly fd: number }[],
    parameters?: readonly number[],
  ) => void;
  /** To be told of the channel. */
  readonly events: ChannelEvents;
}

/** A channel that is open, and how to have its peer ring when it sends something. */
export interface OpenedChannel {
  /** It is the listener's, which closes it with itself. */
  readonly channel: BaseChannel;
  /** Has the peer ring when it sends something. */
  readonly parkReceiving: () => void;
}

/** The listening side of channels of a Linux mechanism: an endpoint, and a channel for whoever comes. */
export abstract class LinuxListener<
  Outgoing,
  Incoming extends DeliverySource,
> extends BaseListener {
  /** The system calls, for what a mechanism does besides. */
  protected readonly calls: LinuxCalls;
  readonly #settings: LinuxListenerSettings<Outgoing, Incoming>;
  readonly #rendezvous: Rendezvous;
  readonly #waits: AdaptiveWaits;
  readonly #channels = new Map<BaseChannel, OpenedChannel>();

  protected constructor(settings: LinuxListenerSettings<Outgoing, Incoming>) {
    const { calls, bound, mechanism, spinMicroseconds, maxChannels, hasRoom } = settings;
    const parts = createSenderParts(calls, spinMicroseconds, () => {
      settings.parkSending();
      for (const { channel, parkReceiving } of this.#channels.values()) {
        // One that is being closed may have given its memory back already.
        if (!channel.closed) parkReceiving();
      }
    });
    const { budget, waits } = parts;
    let rendezvous: Rendezvous | undefined;
    super({
      ...settings,
      budget,
      waits,
      lender: settings.createLender(parts),
      checkMayCome: () => rendezvous?.checkMayCome(),
      keepAlive: (on) => rendezvous?.keepAlive(on),
    });
    this.calls = calls;
    this.#settings = settings;
    this.#waits = waits;
    rendezvous = new Rendezvous(calls, bound, {
      mechanism,
      hasRoom: () => !this.closed && this.#channels.size < maxChannels && (hasRoom?.() ?? true),
      admit: (...peer) => this.#letIn(...peer),
      inspect: () => this.inspect(),
      onOver: () => waits.wake(),
    });
    this.#rendezvous = rendezvous;
  }

  /**
   * Opens a channel to a peer, and welcomes it. Takes over the ends of the connection.
   *
   * @throws whatever is told to the peer as a failure; then the ends stay the caller's.
   */
  protected abstract open(newcomer: Newcomer<Outgoing, Incoming>): OpenedChannel;

  protected override stopListening(): void {
    this.#rendezvous.close();
    this.#settings.bound.close();
  }

  #letIn(...[socket, welcome, parameters, credentials, passed]: Admitted): void {
    const { capacity, terms } = this.#settings;
    const made = establishChannel(this.calls, socket, capacity, terms);
    try {
      const opened = this.open({
        ends: made,
        parameters,
        credentials,
        descriptors: passed,
        welcome: (descriptors, words) => {
          if (welcome([...made.descriptors, ...descriptors], words)) return;
          throw new PageferryError('PEER_DIED', 'the other side left during the handshake');
        },
        events: {
          onNews: () => this.#waits.wake(),
          onHangUp: (channel) => this.peerHungUp(channel),
          onClose: (channel) => {
            this.#channels.delete(channel);
            this.channelClosed(channel);
          },
        },
      });
      this.#channels.set(opened.channel, opened);
      this.admit(opened.channel);
    } catch (error) {
      made.abandon();
      throw error;
    } finally {
      made.passed();
    }
  }
}

type Admitted = Parameters<ListenerSettings['admit']>;
