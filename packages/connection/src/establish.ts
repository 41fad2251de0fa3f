import { dispose, PageferryError } from '@pageferry/core';
import { type LinuxCalls, type OwnedFd, Scope, type UnixSocket } from '@pageferry/linux';
import { ControlMemory } from './control/control-memory.js';
import type { DeliverySource } from './control/queue.js';
import { Link } from './ends/link.js';
import { ReceiverConnection, type ReceiverTerms } from './ends/receiver-connection.js';
import { SenderConnection, type SenderTerms } from './ends/sender-connection.js';
import { Doorbell } from './waiting/doorbell.js';

/** The sender's end of a connection that is being set up. */
export interface NewConnection<Queue> {
  /** The sender's end. It is the caller's. */
  readonly connection: SenderConnection<Queue>;
  /** What to pass first with the welcome: control memory, the sender's bell, the receiver's bell. */
  readonly descriptors: readonly OwnedFd[];
  /** Closes what only had to be passed on. */
  passed(): void;
  /** Gives everything back but the socket, on which a refusal can still be sent. */
  abandon(): void;
}

/**
 * Makes control memory and doorbells for a connection with queues of `capacity` entries.
 *
 * @param socket stays the caller's until the connection is closed.
 * @param index of the receiver among those of this sender, from 0.
 * @throws `SYSTEM_CALL_FAILED`.
 */
export function establish<Queue>(
  calls: LinuxCalls,
  socket: UnixSocket,
  capacity: number,
  terms: SenderTerms<Queue>,
  index = 0,
): NewConnection<Queue> {
  const { memory, fd } = ControlMemory.create(calls, capacity, index);
  const opened = new Scope();
  opened.own(memory);
  opened.own(fd);
  try {
    const senderBell = opened.own(Doorbell.create(calls));
    const receiverBell = opened.own(Doorbell.create(calls));
    const parts = { socket, memory, senderBell, receiverBell };
    const connection = new SenderConnection(parts, terms);
    return {
      connection,
      descriptors: [fd, senderBell.fd, receiverBell.fd],
      passed: () => fd.close(),
      abandon: () => {
        // A watcher that outlived its socket would get in the way of the next one with that number.
        connection.unwatch();
        opened[dispose]();
      },
    };
  } catch (error) {
    opened[dispose]();
    throw error;
  }
}

/**
 * Opens what came with a welcome.
 *
 * @param descriptors of the welcome; those of the connection are taken over, the others stay the
 *   caller's. If this throws, all of them do.
 * @param count how many there must be.
 * @throws `PEER_MISBEHAVED` if they are not what they should be, `SYSTEM_CALL_FAILED`.
 */
export function openConnection<Queue extends DeliverySource>(
  calls: LinuxCalls,
  socket: UnixSocket,
  descriptors: readonly OwnedFd[],
  count: number,
  terms: ReceiverTerms<Queue>,
): ReceiverConnection<Queue> {
  const [control, senderFd, receiverFd] = descriptors;
  if (!control || !senderFd || !receiverFd || descriptors.length !== count)
    throw wrongDescriptors();
  const memory = ControlMemory.open(calls, control.fd);
  try {
    const senderBell = Doorbell.fromPeer(calls, senderFd);
    const receiverBell = Doorbell.fromPeer(calls, receiverFd);
    const parts = { socket, memory, senderBell, receiverBell };
    const connection = new ReceiverConnection(parts, terms);
    control.close();
    return connection;
  } catch (error) {
    memory.close();
    throw error;
  }
}

/** The error when other descriptors came than should. */
export function wrongDescriptors(): PageferryError {
  return new PageferryError(
    'PEER_MISBEHAVED',
    'the sender passed other descriptors than it should',
  );
}

/** Both ends that one side of a channel has, over one link. */
export interface ChannelConnection<Outgoing, Incoming extends DeliverySource> {
  /** What this side sends. */
  readonly outgoing: SenderConnection<Outgoing>;
  /** What comes from the peer. */
  readonly incoming: ReceiverConnection<Incoming>;
  /** The socket and the bells that both halves share. */
  readonly link: Link;
}

/** The listening side's end of a channel that is being set up. */
export interface NewChannel<Outgoing, Incoming extends DeliverySource>
  extends ChannelConnection<Outgoing, Incoming>,
    Omit<NewConnection<Outgoing>, 'connection' | 'descriptors'> {
  /** What to pass first with the welcome: control memory, the listener's bell, the peer's bell. */
  readonly descriptors: readonly OwnedFd[];
}

/** What a mechanism needs at either side of a channel. */
export interface ChannelTerms<Outgoing, Incoming extends DeliverySource> {
  /** For what this side sends. */
  readonly outgoing: SenderTerms<Outgoing>;
  /** For what this side receives. */
  readonly incoming: ReceiverTerms<Incoming>;
}

/** As {@link establish}, for a channel: both directions have queues of `capacity` entries. */
export function establishChannel<Outgoing, Incoming extends DeliverySource>(
  calls: LinuxCalls,
  socket: UnixSocket,
  capacity: number,
  terms: ChannelTerms<Outgoing, Incoming>,
): NewChannel<Outgoing, Incoming> {
  const { fromListener, toListener, fd } = ControlMemory.createPair(calls, capacity);
  const opened = new Scope();
  opened.own(fromListener);
  opened.own(toListener);
  opened.own(fd);
  try {
    const ownBell = opened.own(Doorbell.create(calls));
    const peerBell = opened.own(Doorbell.create(calls));
    const link = new Link(socket, ownBell, peerBell);
    return {
      ...bothEnds(link, fromListener, toListener, terms),
      descriptors: [fd, ownBell.fd, peerBell.fd],
      passed: () => fd.close(),
      abandon: () => {
        link.unwatch();
        opened[dispose]();
      },
    };
  } catch (error) {
    opened[dispose]();
    throw error;
  }
}

/** As {@link openConnection}, for a channel. */
export function openChannel<Outgoing, Incoming extends DeliverySource>(
  calls: LinuxCalls,
  socket: UnixSocket,
  descriptors: readonly OwnedFd[],
  count: number,
  terms: ChannelTerms<Outgoing, Incoming>,
): ChannelConnection<Outgoing, Incoming> {
  const [control, peerFd, ownFd] = descriptors;
  if (!control || !peerFd || !ownFd || descriptors.length !== count) throw wrongDescriptors();
  const { fromListener, toListener } = ControlMemory.openPair(calls, control.fd);
  try {
    const peerBell = Doorbell.fromPeer(calls, peerFd);
    const ownBell = Doorbell.fromPeer(calls, ownFd);
    const link = new Link(socket, ownBell, peerBell);
    const ends = bothEnds(link, toListener, fromListener, terms);
    control.close();
    return ends;
  } catch (error) {
    fromListener.close();
    toListener.close();
    throw error;
  }
}

function bothEnds<Outgoing, Incoming extends DeliverySource>(
  link: Link,
  outward: ControlMemory,
  inward: ControlMemory,
  terms: ChannelTerms<Outgoing, Incoming>,
): ChannelConnection<Outgoing, Incoming> {
  const { socket, ownBell, peerBell } = link;
  const outgoing = new SenderConnection(
    { socket, link, memory: outward, senderBell: ownBell, receiverBell: peerBell },
    terms.outgoing,
  );
  const incoming = new ReceiverConnection(
    { socket, link, memory: inward, senderBell: peerBell, receiverBell: ownBell },
    terms.incoming,
  );
  return { outgoing, incoming, link };
}
