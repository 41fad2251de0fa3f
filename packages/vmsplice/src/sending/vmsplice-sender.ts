import {
  createSenderParts,
  Endpoint,
  establish,
  LinuxSender,
  type WelcomeSender,
} from '@pageferry/connection';
import { PageferryError, type PeerCredentials } from '@pageferry/core';
import { createGrownPipe, type LinuxCalls, type UnixSocket } from '@pageferry/linux';
import { capabilities } from '../capabilities.js';
import { PagePool, type Slot } from '../memory/page-pool.js';
import type { SenderSettings } from '../options.js';
import { MECHANISM, QUEUE_CAPACITY } from '../protocol.js';
import { SENDER_TERMS } from '../terms.js';
import { Outbox } from './outbox.js';
import { chooseOutlet, type Outlet, sendMethodOf } from './outlet.js';
import { Subscriber } from './subscriber.js';

/** The sending side of the pipe transport: publishes to everybody who connects to an endpoint. */
export class VmspliceSender extends LinuxSender<Slot, Outbox> {
  readonly #settings: SenderSettings;
  readonly #outlet: Outlet;

  private constructor(calls: LinuxCalls, settings: SenderSettings, bound: Endpoint) {
    const { spinMicroseconds, poolBytes, maxReceivers } = settings;
    const outlet = chooseOutlet(calls);
    const parts = createSenderParts(calls, spinMicroseconds, () => outbox.park());
    const outbox: Outbox = new Outbox({ ...parts, pool: new PagePool(calls, poolBytes) });
    super({
      ...settings,
      ...parts,
      calls,
      bound,
      capabilities,
      mechanism: MECHANISM,
      outbox,
      hasRoom: () => outbox.count() < maxReceivers,
      method: sendMethodOf(outlet),
    });
    this.#settings = settings;
    this.#outlet = outlet;
  }

  /**
   * Binds the endpoint and finds out how payload leaves on this kernel.
   *
   * @throws as `Transport.createSender`.
   */
  static async create(calls: LinuxCalls, settings: SenderSettings): Promise<VmspliceSender> {
    const endpoint = await Endpoint.bind(calls, settings.endpoint, settings.allow);
    try {
      return new VmspliceSender(calls, settings, endpoint);
    } catch (error) {
      endpoint.close();
      throw error;
    }
  }

  protected override admit(
    id: number,
    socket: UnixSocket,
    welcome: WelcomeSender,
    _hello: Uint32Array,
    credentials: PeerCredentials | undefined,
  ): void {
    const { calls, outbox } = this;
    const { connection, descriptors, passed, abandon } = establish(
      calls,
      socket,
      QUEUE_CAPACITY,
      SENDER_TERMS,
    );
    let pipe: ReturnType<typeof createGrownPipe> | undefined;
    try {
      pipe = createGrownPipe(calls, this.#settings.pipeBytes);
      const { readEnd } = pipe;
      const subscriber = new Subscriber({
        id,
        credentials,
        connection,
        pipe,
        outlet: this.#outlet,
        pageSize: calls.pageSize(),
        onReturn: (message, referenced) => outbox.takeBack(message, referenced),
      });
      const onRing = (): void => outbox.onRing();
      connection.watch(calls, { onRing, onHangUp: onRing });
      connection.watchProcess(calls, credentials?.pid);
      if (!welcome([...descriptors, readEnd])) {
        throw new PageferryError('PEER_DIED', 'the receiver left during the handshake');
      }
      outbox.add(subscriber);
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
