import { AckPolicy, type ConsumerConfig } from '@nats-io/jetstream';
import { type Msg, nanos } from '@nats-io/transport-node';
import type { Engine } from './engine.js';

/** Pieces that are longer are let go of one by one: the stream may have room for few of them. In bytes. */
const LONG = 16 * 1024;
/** After how many shorter ones they are let go of. */
const PIECES_AN_ACK = 32;
/** Nothing is delivered twice to who does not acknowledge the last piece. In milliseconds. */
const ACK_WAIT = 24 * 60 * 60 * 1000;

/** What makes a consumer keep pieces in the stream: it is sent their headers, and acknowledges them. */
export const KEEPS: Partial<ConsumerConfig> = {
  ack_policy: AckPolicy.All,
  ack_wait: nanos(ACK_WAIT),
  max_ack_pending: -1,
  headers_only: true,
};

/**
 * Keeps the last piece of a stream there, whoever has acknowledged it. Version 2.9.10 of the server can forget the number of the
 * last piece when it is killed while nothing is in the stream, and with it where its sender and receivers are.
 *
 * @returns what takes the messages of the consumer with {@link KEEPS}.
 */
export function keepLast(engine: Engine): (message: Msg) => void {
  let last: string | undefined;
  let count = 0;
  return ({ reply, headers }) => {
    if (!reply) return;
    count++;
    const isLong = Number(headers?.get('Nats-Msg-Size') || 0) > LONG;
    if (last !== undefined && (isLong || count >= PIECES_AN_ACK)) {
      // All up to the one before.
      engine.publish(last, ACK);
      count = 0;
    }
    last = reply;
  };
}

const ACK = Buffer.from('+ACK');
