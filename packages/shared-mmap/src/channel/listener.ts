import {
  type AdaptiveWaits,
  createSenderParts,
  Endpoint,
  establishChannel,
  Listener as Rendezvous,
  type SenderParts,
  type WelcomeSender,
} from '@pageferry/connection';
import {
  type BaseChannel,
  BaseListener,
  dispose,
  type Lender,
  PageferryError,
  type PeerCredentials,
} from '@pageferry/core';
import {
  EMFILE,
  type LinuxCalls,
  type OwnedFd,
  registerGlobalExpedited,
  Scope,
  systemCallError,
  type UnixSocket,
} from '@pageferry/linux';
import { capabilities } from '../capabilities.js';
import { RING } from '../layout.js';
import type { Slot } from '../memory/slot.js';
import { Outbox } from '../sending/outbox.js';
import { Ring } from '../sending/ring.js';
import { SharedPool } from '../sending/shared-pool.js';
import { CHANNEL_TERMS, type ChannelParts, makeChannel, openPayload } from './channel-parts.js';
import { createPool } from './connect.js';
import type { checkListen } from './options.js';
import { CHANNEL_CAPACITY, CHANNEL_HELLO, CHANNEL_MECHANISM } from './protocol.js';

type Settings = ReturnType<typeof checkListen>;

/** The listening side of channels over shared memory. */
export class SharedMmapListener extends BaseListener {
  readonly #calls: LinuxCalls;
  readonly #settings: Settings;
  readonly #sharing: SharedPool;
  readonly #bound: Endpoint;
  readonly #rendezvous: Rendezvous;
  readonly #waits: AdaptiveWaits;
  readonly #channels = new Map<BaseChannel, ChannelParts>();

  private constructor(calls: LinuxCalls, settings: Settings, bound: Endpoint, sharing: SharedPool) {
    const { spinMicroseconds, endpoint } = settings;
    const common = createSenderParts(calls, spinMicroseconds, () => {
      sharing.park();
      for (const { parkReceiving } of this.#channels.values()) parkReceiving();
    });
    const { budget, waits } = common;
    let rendezvous: Rendezvous | undefined;
    super({
      endpoint,
      budget,
      waits,
      lender: createLender(calls, common, sharing, settings.guard),
      capabilities,
      poolBytes: settings.poolBytes,
      checkMayCome: () => rendezvous?.checkMayCome(),
      keepAlive: (on) => rendezvous?.keepAlive(on),
    });
    this.#calls = calls;
    this.#settings = settings;
    this.#sharing = sharing;
    this.#bound = bound;
    this.#waits = waits;
    rendezvous = new Rendezvous(calls, bound, {
      mechanism: CHANNEL_MECHANISM,
      hasRoom: () => !this.closed && sharing.hasRoom && this.#channels.size < settings.maxChannels,
      admit: (...peer) => this.#admit(...peer),
      onOver: () => waits.wake(),
    });
    this.#rendezvous = rendezvous;
  }

  /**
   * Allocates the first part of the pool, and binds the endpoint.
   *
   * @throws as `Transport.listen`.
   */
  static async create(calls: LinuxCalls, settings: Settings): Promise<SharedMmapListener> {
    const opened = new Scope();
    try {
      const pool = opened.own(await createPool(calls, settings));
      const endpoint = opened.own(await Endpoint.bind(calls, settings.endpoint));
      return new SharedMmapListener(calls, settings, endpoint, new SharedPool(pool));
    } catch (error) {
      opened[dispose]();
      throw error;
    }
  }

  protected override stopListening(): void {
    this.#rendezvous.close();
    this.#bound.close();
  }

  protected override freePool(): void {
    this.#sharing.close();
  }

  #admit(
    socket: UnixSocket,
    welcome: WelcomeSender,
    hello: Uint32Array,
    peer: PeerCredentials | undefined,
    [payloadFd]: readonly OwnedFd[],
  ): void {
    // The kernel throws away what this process has no descriptors left for.
    if (payloadFd === undefined) throw systemCallError('recvmsg', -EMFILE);
    const calls = this.#calls;
    const made = establishChannel(calls, socket, CHANNEL_CAPACITY, CHANNEL_TERMS);
    const opened = new Scope();
    try {
      const payload = opened.own(openPayload(calls, payloadFd, this.#settings, made.incoming));
      const parkingPays = hello[CHANNEL_HELLO.barrier] === 1 && registerGlobalExpedited(calls);
      const index = this.#sharing.freeIndex();
      const descriptors = [...made.descriptors, this.#sharing.pool.fd];
      if (!welcome(descriptors, [Number(parkingPays)])) {
        throw new PageferryError('PEER_DIED', 'the other side left during the handshake');
      }
      const parts = makeChannel({
        calls,
        settings: this.#settings,
        ends: made,
        sharing: this.#sharing,
        index,
        peer,
        parkingPays,
        payload,
        onNews: () => this.#waits.wake(),
        onHangUp: (channel) => this.peerHungUp(channel),
        onClose: (channel) => {
          this.#channels.delete(channel);
          this.channelClosed(channel);
        },
      });
      this.#channels.set(parts.channel, parts);
      this.admit(parts.channel);
    } catch (error) {
      opened[dispose]();
      made.abandon();
      throw error;
    } finally {
      made.passed();
    }
  }
}

/** An outbox without a subscriber: it lends what any channel can send. */
function createLender(
  calls: LinuxCalls,
  parts: SenderParts,
  sharing: SharedPool,
  guard: boolean,
): Lender<Slot> {
  const { pool } = sharing;
  const nowhere = new Ring({ words: new Int32Array(RING.entries + 8), capacity: 1 });
  return new Outbox({
    ...parts,
    calls,
    pool,
    sharing,
    index: -1,
    ring: nowhere,
    history: 0,
    guard,
  });
}
