import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { connect as connectTo, createInbox, type Msg, nanos } from '@nats-io/transport-node';
import { NatsServer } from '@pageferry/testkit/nats-server';
import type { Task } from '../trials/task.js';
import { ChannelEnded, type Listening, type ReceivingSide } from './channel.js';

const SUBJECT = 'compare';
const MEBIBYTE = 1024 * 1024;
/** As much as `@pageferry/nats` publishes without an answer of the servers. */
const WINDOW_BYTES = 8 * MEBIBYTE;
const WINDOW_MESSAGES = 1024;
/** As much as its stream may hold by default. */
const STREAM_BYTES = 256 * MEBIBYTE;

/**
 * The plain client with the guarantees of `@pageferry/nats`: a stream on disk that loses nothing that somebody has not
 * acknowledged and takes nothing more when it is full, and publishing that is confirmed, with as much under way.
 */
export async function listen(task: Task): Promise<Listening> {
  const { url } = await NatsServer.start('', undefined, { folder: task.folder });
  const connection = await connectTo({ servers: url });
  const client = jetstream(connection);
  const manager = await jetstreamManager(connection);
  await manager.streams.add({
    name: SUBJECT,
    subjects: [SUBJECT],
    retention: RetentionPolicy.Interest,
    discard: DiscardPolicy.New,
    storage: StorageType.File,
    max_bytes: STREAM_BYTES,
  });
  const most = Math.min(WINDOW_MESSAGES, Math.ceil(WINDOW_BYTES / task.payloadBytes));
  const side = {
    knobs: { publishesUnderWay: most },
    async send(count: number, write: (bytes: Uint8Array) => void) {
      let underWay = 0;
      let failure: unknown;
      let wake = (): void => undefined;
      const publish = async (bytes: Uint8Array): Promise<void> => {
        try {
          await client.publish(SUBJECT, bytes);
        } catch (error) {
          failure = error;
        }
        underWay--;
        wake();
      };
      const untilBelow = async (limit: number): Promise<void> => {
        while (underWay >= limit) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        if (failure !== undefined) throw failure;
      };
      for (let index = 0; index < count; index++) {
        await untilBelow(most);
        // A fresh one: the client reads it at the end of this turn, and does not say when it is done.
        const bytes = Buffer.allocUnsafeSlow(task.payloadBytes);
        write(bytes);
        underWay++;
        void publish(bytes);
      }
      await untilBelow(1);
    },
    exchange: oneWay,
    close: () => connection.close(),
  };
  const connected = async () => {
    const { streams } = manager;
    while ((await streams.info(SUBJECT)).state.consumer_count < task.receivers);
    return side;
  };
  return { address: url, connected };
}

/** The other side of {@link listen}: a push consumer with flow control, which acknowledges each message. */
export async function connect(_task: Task, address: unknown): Promise<ReceivingSide> {
  const connection = await connectTo({ servers: `${address}` });
  const manager = await jetstreamManager(connection);
  const inbox = createInbox();
  const arrived: Msg[] = [];
  let wake = (): void => undefined;
  connection.subscribe(inbox, {
    callback: (_, message) => {
      if (message.headers?.code === 100) {
        const stalled = message.reply || message.headers.get('Nats-Consumer-Stalled');
        if (stalled) connection.publish(stalled);
        return;
      }
      arrived.push(message);
      wake();
    },
  });
  await manager.consumers.add(SUBJECT, {
    deliver_subject: inbox,
    deliver_policy: DeliverPolicy.New,
    ack_policy: AckPolicy.Explicit,
    max_ack_pending: -1,
    flow_control: true,
    idle_heartbeat: nanos(1000),
  });
  let isClosed = false;
  return {
    async receive(count, see) {
      for (let left = count; left > 0; left--) {
        while (arrived.length === 0 && !isClosed) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        const message = arrived.shift();
        if (message === undefined) throw new ChannelEnded(left);
        see(message.data, 0, message.data.length, 0);
        message.respond('+ACK');
      }
    },
    moveOn: oneWay,
    answer: oneWay,
    async close() {
      isClosed = true;
      wake();
      await connection.close();
    },
  };
}

/** Only one scenario has a part for it. */
function oneWay(): Promise<never> {
  return Promise.reject(new Error('the plain client takes part in across alone'));
}
