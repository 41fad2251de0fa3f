import {
  createSenderParts,
  Endpoint,
  establish,
  Listener,
  PLAIN_SENDER,
  type SenderTerms,
  type WelcomeSender,
} from '@pageferry/connection';
import { BaseSender, PageferryError, type PeerCredentials } from '@pageferry/core';
import { createGrownPipe, type LinuxCalls, type UnixSocket } from '@pageferry/linux';
import { capabilities } from '../capabilities.js';
import { RECEIVER_WORDS } from '../layout.js';
import { PagePool, type Slot } from '../memory/page-pool.js';
import type { SenderSettings } from '../options.js';
import { MECHANISM, QUEUE_CAPACITY } from '../protocol.js';
import { Outbox } from './outbox.js';
import { chooseOutlet, type Outlet, sendMethodOf } from './outlet.js';
import { Subscriber } from './subscriber.js';

const TERMS: SenderTerms = { ...PLAIN_SENDER, receiverCounters: [RECEIVER_WORDS.bytesConsumed] };

/** The sending side of the pipe transport: publishes to everybody who connects to an endpoint. */
export class VmspliceSender extends BaseSender<Slot> {
  readonly #calls: LinuxCalls;
  readonly #settings: SenderSettings;
  readonly #endpoint: Endpoint;
  readonly #listener: Listener;
  readonly #outlet: Outlet;
  readonly #outbox: Outbox;
  #nextId = 0;

  private constructor(calls: LinuxCalls, settings: SenderSettings, endpoint: Endpoint) {
    const { spinMicroseconds, poolBytes, maxReceivers } = settings;
    const outlet = chooseOutlet(calls);
    const parts = createSenderParts(calls, spinMicroseconds, () => outbox.park());
    const outbox: Outbox = new Outbox({ ...parts, pool: new PagePool(calls, poolBytes) });
    let listener: Listener | undefined;
    super({
      ...settings,
      ...parts,
      capabilities,
      outbox,
      checkMayCome: () => listener?.checkMayCome(),
      method: sendMethodOf(outlet),
      keepAlive: (on) => {
        listener?.keepAlive(on);
        outbox.keepAlive(on);
      },
    });
    this.#calls = calls;
    this.#settings = settings;
    this.#endpoint = endpoint;
    this.#outlet = outlet;
    this.#outbox = outbox;
    listener = new Listener(calls, endpoint, {
      mechanism: MECHANISM,
      hasRoom: () => !this.closed && outbox.count() < maxReceivers,
      admit: (socket, welcome, _, credentials) => this.#admit(socket, welcome, credentials),
      onOver: () => parts.waits.wake(),
    });
    this.#listener = listener;
  }

  /**
   * Binds the endpoint and finds out how payload leaves on this kernel.
   *
   * @throws as `Transport.createSender`.
   */
  static async create(calls: LinuxCalls, settings: SenderSettings): Promise<VmspliceSender> {
    const endpoint = await Endpoint.bind(calls, settings.endpoint);
    try {
      return new VmspliceSender(calls, settings, endpoint);
    } catch (error) {
      endpoint.close();
      throw error;
    }
  }

  protected override async end(inOrder: boolean): Promise<void> {
    if (inOrder) this.#outbox.finish();
    this.#listener.close();
    this.#endpoint.close();
    this.#outbox.close();
  }

  #admit(
    socket: UnixSocket,
    welcome: WelcomeSender,
    credentials: PeerCredentials | undefined,
  ): void {
    const calls = this.#calls;
    const { connection, descriptors, passed, abandon } = establish(
      calls,
      socket,
      QUEUE_CAPACITY,
      TERMS,
    );
    let pipe: ReturnType<typeof createGrownPipe> | undefined;
    try {
      pipe = createGrownPipe(calls, this.#settings.pipeBytes);
      const { readEnd } = pipe;
      const subscriber = new Subscriber({
        id: this.#nextId++,
        credentials,
        connection,
        pipe,
        outlet: this.#outlet,
        pageSize: calls.pageSize(),
        onReturn: (message, referenced) => this.#outbox.takeBack(message, referenced),
      });
      const onRing = (): void => this.#outbox.onRing();
      connection.watch(calls, { onRing, onHangUp: onRing });
      connection.watchProcess(calls, credentials?.pid);
      if (!welcome([...descriptors, readEnd])) {
        throw new PageferryError('PEER_DIED', 'the receiver left during the handshake');
      }
      this.#outbox.add(subscriber);
    } catch (error) {
      abandon();
      pipe?.writeEnd.close();
      throw error;
    } finally {
      // Only the receiver holds the read end, so that the pipe breaks when the receiver dies.
      pipe?.readEnd.close();
      passed();
    }
  }
}
