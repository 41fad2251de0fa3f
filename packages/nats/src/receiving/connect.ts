import { AckPolicy, DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { onAbort, PageferryError, type Search, seekSender } from '@pageferry/core';
import { Engine } from '../engine/engine.js';
import { API_ERROR, apiCode, engineError, isNotFound, mayPass } from '../engine/errors.js';
import {
  checkStream,
  consumerNamed,
  findStream,
  presenceOf,
  removeIfDrained,
} from '../engine/stream.js';
import type { ReceiverSettings, TransportSettings } from '../options.js';
import { consumerName } from '../protocol/consumer.js';
import type { Intake, IntakeParts } from './intake.js';

/** How long the engine keeps to itself what was sent and not acknowledged: what is lost is asked for. In milliseconds. */
const ACK_WAIT = 24 * 60 * 60 * 1000;
const SHORTEST_HEARTBEAT = 500;

/**
 * Connects to the servers, and becomes a consumer of the sender's stream. Waits for the stream to appear.
 *
 * @param toIntake makes what takes in what the engine sends.
 * @throws as `Transport.createReceiver`.
 */
export async function connectToSender(
  transport: TransportSettings,
  settings: ReceiverSettings,
  toIntake: (parts: IntakeParts) => Intake,
  signal: AbortSignal | undefined,
): Promise<IntakeParts> {
  const engine = await Engine.open(transport.engine, `pageferry receiver ${settings.subject}`, {
    signal,
  });
  const forget = onAbort(signal, () => void engine.close());
  try {
    return await seekSender(signal, (search) =>
      tryConnect(engine, transport, settings, toIntake, search),
    );
  } catch (error) {
    await engine.close();
    throw signal?.aborted ? signal.reason : engineError(error);
  } finally {
    forget();
  }
}

async function tryConnect(
  engine: Engine,
  { patience }: TransportSettings,
  settings: ReceiverSettings,
  toIntake: (parts: IntakeParts) => Intake,
  _search: Search,
): Promise<IntakeParts | undefined> {
  const { api } = engine;
  const { endpoint, subject, whenBehind } = settings;
  try {
    const stream = await findStream(api, subject);
    if (stream === undefined) return undefined;
    await checkStream(api, stream, endpoint);
    if ((await presenceOf(api, stream)) !== 'present') return undefined;
    const consumer = consumerName(whenBehind);
    const heartbeat = Math.max(SHORTEST_HEARTBEAT, patience / 2);
    const parts = { engine, stream, consumer, patience, heartbeat };
    const inbox = engine.createInbox();
    const intake = toIntake(parts);
    const unsubscribe = engine.subscribe(inbox, intake.take);
    let isJoined = false;
    try {
      await engine.flush();
      const { config, state } = await api.streams.info(stream);
      const { delivered } = await api.consumers.add(stream, {
        ...consumerNamed(consumer, config.num_replicas),
        deliver_subject: inbox,
        // A stream with a history is kept for those who come later.
        // Of the others a server that was killed may forget how far they are, and would begin with what is new then.
        ...(config.retention === 'limits'
          ? { deliver_policy: DeliverPolicy.All }
          : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: state.last_seq + 1 }),
        ack_policy: AckPolicy.Explicit,
        ack_wait: nanos(ACK_WAIT),
        max_ack_pending: -1,
        inactive_threshold: nanos(patience),
        flow_control: true,
        idle_heartbeat: nanos(heartbeat),
      });
      intake.begin(delivered.stream_seq - delivered.consumer_seq);
      isJoined = await isServed(api, stream, consumer);
      if (isJoined) return parts;
      await leave(api, stream, consumer);
    } catch (error) {
      if (apiCode(error) !== API_ERROR.maximumConsumers) throw error;
      throw new PageferryError(
        'PEER_REJECTED',
        `the sender at ${endpoint} has as many receivers as it serves`,
      );
    } finally {
      if (!isJoined) {
        intake.stop();
        // The consumer may be there, also where that was not answered. One that nobody listens to is removed.
        unsubscribe();
      }
    }
  } catch (error) {
    if (!isNotFound(error) && !mayPass(error)) throw error;
  }
  return undefined;
}

/** Whether the sender of a consumer that was just added knows of it, or will. */
async function isServed(api: JetStreamManager, stream: string, consumer: string): Promise<boolean> {
  // One out of the servers' reach may have known of it before: it comes back, or this receiver is told that it has died.
  if ((await presenceOf(api, stream)) !== 'gone') return true;
  // The sender has closed meanwhile: before it knew of this one, or behind messages for it, of which the last one says so.
  const { delivered, num_pending: pending } = await api.consumers.info(stream, consumer);
  return delivered.consumer_seq > 0 || pending > 0;
}

/** Takes a consumer away, and its stream where nobody needs that any more. */
async function leave(api: JetStreamManager, stream: string, consumer: string): Promise<void> {
  await api.consumers.delete(stream, consumer);
  await removeIfDrained(api, stream);
}
