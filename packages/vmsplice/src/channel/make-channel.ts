import {
  type ChannelConnection,
  type ChannelEvents,
  createSenderParts,
  joinHalves,
  type OpenedChannel,
  type QueueConsumer,
} from '@pageferry/connection';
import { ChannelSender, type PeerCredentials } from '@pageferry/core';
import type { LinuxCalls, OwnedFd } from '@pageferry/linux';
import { capabilities } from '../capabilities.js';
import { PagePool, type Slot } from '../memory/page-pool.js';
import { VmspliceReceiver } from '../receiving/vmsplice-receiver.js';
import type { Announcements } from '../sending/announcements.js';
import { Outbox } from '../sending/outbox.js';
import { type Outlet, sendMethodOf } from '../sending/outlet.js';
import type { SharedPages } from '../sending/shared-pages.js';
import { Subscriber, type SubscriberSettings } from '../sending/subscriber.js';
import type { SideSettings } from './options.js';

/** What a channel is made of. It takes over the ends of the connection, and those of the pipes. */
export interface ChannelPartsSettings {
  readonly calls: LinuxCalls;
  readonly settings: SideSettings;
  readonly ends: ChannelConnection<Announcements, QueueConsumer>;
  /** The pipe that this side sends through. */
  readonly outgoing: SubscriberSettings['pipe'];
  /** The read end of the pipe that comes from the peer. */
  readonly incoming: OwnedFd;
  readonly outlet: Outlet;
  /** The pool, where this side's channels share one. Otherwise the channel has one to itself. */
  readonly sharing?: SharedPages;
  readonly peer: PeerCredentials | undefined;
  readonly events: ChannelEvents;
}

/**
 * Puts a channel together, and starts to watch its connection.
 *
 * @throws `SYSTEM_CALL_FAILED`; then the ends stay the caller's.
 */
export function makeChannel(parts: ChannelPartsSettings): OpenedChannel {
  const { calls, settings, ends, sharing, peer, events } = parts;
  const { outbox, sender } = makeSender(parts);
  const receiver = new VmspliceReceiver(calls, settings, ends.incoming, parts.incoming);
  const halves = {
    sender,
    receiver,
    wakeSender: () => outbox.onRing(),
    wakeReceiver: receiver.wake,
    freeSender: () => outbox.close(),
  };
  const channel = joinHalves(calls, ends.link, peer, halves, events);
  sharing?.add(outbox);
  return { channel, parkReceiving: () => ends.incoming.park() };
}

interface SendingHalf {
  readonly outbox: Outbox;
  readonly sender: ChannelSender<Slot>;
}

function makeSender({
  calls,
  settings,
  ends,
  outgoing,
  outlet,
  sharing,
  peer,
}: ChannelPartsSettings): SendingHalf {
  const { spinMicroseconds, poolBytes, endpoint, histograms } = settings;
  const common = createSenderParts(calls, spinMicroseconds, () => outbox.park());
  const pool = sharing?.pool ?? new PagePool(calls, poolBytes);
  const outbox: Outbox = new Outbox({ ...common, pool, sharing });
  outbox.add(
    new Subscriber({
      id: 0,
      credentials: peer,
      connection: ends.outgoing,
      pipe: outgoing,
      outlet,
      pageSize: calls.pageSize(),
      onReturn: (message, referenced) => outbox.takeBack(message, referenced),
    }),
  );
  const sender = new ChannelSender({
    ...common,
    endpoint,
    capabilities,
    poolBytes,
    maxReceivers: 1,
    outbox,
    method: sendMethodOf(outlet),
    histograms,
    end: (inOrder) => {
      if (inOrder) outbox.finish();
      outbox.abandonLoans();
    },
  });
  return { outbox, sender };
}
