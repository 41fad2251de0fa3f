import type { Socket } from 'node:net';
import {
  BaseChannel,
  type BufferPool,
  type ChannelSideSettings,
  ConnectionFailures,
  LoopBudget,
  Presence,
  WaitList,
} from '@pageferry/core';
import { capabilities } from '../capabilities.js';
import type { LoanPool } from '../memory/loan-pool.js';
import { SocketReceiver } from '../receiving/socket-receiver.js';
import { Outbox } from '../sending/outbox.js';
import { ChannelConnection } from './channel-connection.js';
import type { ChannelSubscriber } from './channel-subscriber.js';
import { SocketChannelSender } from './socket-channel-sender.js';

/** What a channel is made of. */
export interface ChannelParts {
  /** After the handshake. The channel takes it over, but for what arrives on it. */
  readonly socket: Socket;
  readonly settings: ChannelSideSettings;
  /** Where this side lends from, which its channels share. Stays the caller's. */
  readonly pool: LoanPool;
  /** Where memory for what it receives is from, as with `pool`. */
  readonly incoming: BufferPool;
  /** Called when messages may have come, or room, or something has left. */
  readonly onNews?: () => void;
  /** Called when the other side has hung up. */
  readonly onHangUp?: (channel: BaseChannel) => void;
  /** Called once the channel is closed. */
  readonly onClose: (channel: BaseChannel) => void;
}

/** A channel, and the connection that is to be handed what arrives on the socket. */
export interface NewChannel {
  readonly channel: BaseChannel;
  readonly connection: ChannelConnection;
}

/** Puts a channel together. */
export function makeChannel(parts: ChannelParts): NewChannel {
  const { socket, settings, pool } = parts;
  const { endpoint, poolBytes, maxBorrowedBytes, spinMicroseconds, histograms } = settings;
  const peer = `the other side of the channel at ${endpoint}`;
  const sending = new WaitList();
  const receiving = new WaitList();
  const failures = new ConnectionFailures();
  const outbox = new Outbox<ChannelSubscriber>(pool, sending, new Presence());
  const connection = new ChannelConnection(socket, peer, parts.incoming, {
    onReleased: (message) => outbox.takeBack(message),
    onLeft: () => {
      sending.wake();
      parts.onNews?.();
    },
    onRoom: () => pool.wakeSharers(),
    onArrival: () => {
      receiving.wake();
      parts.onNews?.();
    },
    onFailure: (error) => failures.add(error),
    onGone: (subscriber) => {
      outbox.remove(subscriber);
      pool.wakeSharers();
    },
    onHangUp: () => parts.onHangUp?.(channel),
  });
  const sender = new SocketChannelSender({
    endpoint,
    capabilities,
    poolBytes,
    maxReceivers: 1,
    budget: new LoopBudget(spinMicroseconds),
    waits: sending,
    failures,
    outbox,
    method: { method: 'write' },
    histograms,
    announceEnd: () => outbox.finish(),
    end: (inOrder) => {
      outbox.endLoans();
      if (!inOrder) connection.abandon();
    },
  });
  const receiver = new SocketReceiver({
    sender: peer,
    endpoint,
    histograms,
    maxBorrowedBytes,
    budget: new LoopBudget(spinMicroseconds),
    inbox: connection.inbox,
    waits: receiving,
  });
  outbox.add(connection.subscriber);
  // What comes back on any channel makes room for all.
  pool.join(sending);
  const channel: BaseChannel = new BaseChannel({
    sender,
    receiver,
    peer: undefined,
    keepAlive: (on) => connection.keepAlive(on),
    onClose: (closed) => {
      pool.leave(sending);
      parts.onClose(closed);
    },
  });
  return { channel, connection };
}
