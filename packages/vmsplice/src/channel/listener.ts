import {
  Endpoint,
  LinuxListener,
  type Newcomer,
  type OpenedChannel,
  type QueueConsumer,
} from '@pageferry/connection';
import { dispose, type Lender, type LoanMemory } from '@pageferry/core';
import { createGrownPipe, type LinuxCalls, Scope } from '@pageferry/linux';
import { capabilities } from '../capabilities.js';
import { PagePool } from '../memory/page-pool.js';
import { QUEUE_CAPACITY } from '../protocol.js';
import type { Announcements } from '../sending/announcements.js';
import { chooseOutlet, type Outlet } from '../sending/outlet.js';
import { PageLender } from '../sending/page-lender.js';
import { SharedPages } from '../sending/shared-pages.js';
import { CHANNEL_TERMS } from '../terms.js';
import { makeChannel } from './make-channel.js';
import type { VmspliceListenSettings } from './options.js';
import { CHANNEL_MECHANISM } from './protocol.js';

/** The listening side of channels through pipes. */
export class VmspliceListener extends LinuxListener<Announcements, QueueConsumer> {
  readonly #settings: VmspliceListenSettings;
  readonly #outlet: Outlet;
  readonly #sharing: SharedPages;

  private constructor(calls: LinuxCalls, settings: VmspliceListenSettings, bound: Endpoint) {
    const outlet = chooseOutlet(calls);
    const sharing = new SharedPages(new PagePool(calls, settings.poolBytes));
    let lender: PageLender | undefined;
    super({
      ...settings,
      calls,
      bound,
      mechanism: CHANNEL_MECHANISM,
      terms: CHANNEL_TERMS,
      capacity: QUEUE_CAPACITY,
      capabilities,
      createLender: ({ waits }) => {
        lender = new PageLender(sharing, waits);
        return lender as Lender<never> as Lender<LoanMemory>;
      },
      parkSending: () => lender?.park(),
    });
    this.#settings = settings;
    this.#outlet = outlet;
    this.#sharing = sharing;
  }

  /**
   * Binds the endpoint, and finds out how payload leaves on this kernel.
   *
   * @throws as `Transport.listen`.
   */
  static async create(
    calls: LinuxCalls,
    settings: VmspliceListenSettings,
  ): Promise<VmspliceListener> {
    const endpoint = await Endpoint.bind(calls, settings.endpoint, settings.allow);
    try {
      return new VmspliceListener(calls, settings, endpoint);
    } catch (error) {
      endpoint.close();
      throw error;
    }
  }

  protected override freePool(): void {
    this.#sharing.close();
  }

  protected override open({
    ends,
    credentials,
    welcome,
    events,
  }: Newcomer<Announcements, QueueConsumer>): OpenedChannel {
    const { calls } = this;
    const { pipeBytes } = this.#settings;
    const kept = new Scope();
    // Only the peer holds these, so that a pipe breaks, or ends, when the peer dies.
    const passed = new Scope();
    try {
      const outgoing = createGrownPipe(calls, pipeBytes);
      kept.own(outgoing.writeEnd);
      passed.own(outgoing.readEnd);
      const incoming = createGrownPipe(calls, pipeBytes);
      kept.own(incoming.readEnd);
      passed.own(incoming.writeEnd);
      welcome([outgoing.readEnd, incoming.writeEnd]);
      return makeChannel({
        calls,
        settings: this.#settings,
        ends,
        outgoing,
        incoming: incoming.readEnd,
        outlet: this.#outlet,
        sharing: this.#sharing,
        peer: credentials,
        events,
      });
    } catch (error) {
      kept[dispose]();
      throw error;
    } finally {
      passed[dispose]();
    }
  }
}
