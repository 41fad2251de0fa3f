import { natsTransport } from '@pageferry/nats';
import { NatsServer } from '@pageferry/testkit/nats-server';
import type { Task } from '../trials/task.js';
import type { Listening, ReceivingSide } from './channel.js';
import { receivingSide, sendingSide } from './pageferry.js';

const ENDPOINT = 'nats:compare';

/** Messages through a server that is started for the trial, and ends with its processes. */
export async function listen(task: Task): Promise<Listening> {
  const { url } = await NatsServer.start('', undefined, { folder: task.folder });
  const sender = await natsTransport({ servers: url }).createSender({ endpoint: ENDPOINT });
  const connected = async () => {
    await sender.waitForReceivers(task.receivers);
    return sendingSide(task, sender, undefined, { sending: 'try' });
  };
  return { address: url, connected };
}

/** The other side of {@link listen}. */
export async function connect(task: Task, address: unknown): Promise<ReceivingSide> {
  const transport = natsTransport({ servers: `${address}` });
  const receiver = await transport.createReceiver({ endpoint: ENDPOINT });
  return receivingSide(task, receiver, undefined);
}
