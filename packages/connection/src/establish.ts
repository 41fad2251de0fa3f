import { dispose, PageferryError } from '@pageferry/core';
import { type LinuxCalls, type OwnedFd, Scope, type UnixSocket } from '@pageferry/linux';
import { ControlMemory } from './control/control-memory.js';
import type { DeliverySource } from './control/queue.js';
import { ReceiverConnection, type ReceiverTerms } from './ends/receiver-connection.js';
import { SenderConnection, type SenderTerms } from './ends/sender-connection.js';
import { Doorbell } from './waiting/doorbell.js';

/** The sender's end of a connection that is being set up. */
export interface NewConnection<Queue> {
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
