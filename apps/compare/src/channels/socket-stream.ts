import { once } from 'node:events';
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Task } from '../trials/task.js';
import type { Listening, ReceivingSide } from './channel.js';
import { streamReceiver, streamSender } from './streams.js';

/** Plain `node:net`: a Unix socket, or TCP on loopback, by the setting `over`. */
export async function listen(task: Task): Promise<Listening> {
  const { address, connected } = await listenAtSocket(task);
  return {
    address,
    async connected() {
      const sockets = await connected();
      const answers = task.scenario === 'rtt' ? sockets[0] : undefined;
      return streamSender(task, sockets, answers, isTcp(task) ? { noDelay: true } : {});
    },
  };
}

/** The other side of {@link listen}. */
export async function connect(
  task: Task,
  address: string | number | undefined,
): Promise<ReceivingSide> {
  const socket = await connectToSocket(address);
  return streamReceiver(task, socket, socket);
}

/** Waits for as many sockets as there are receivers. */
export async function listenAtSocket(task: Task): Promise<Listening<readonly Socket[]>> {
  const tcp = isTcp(task);
  const sockets: Socket[] = [];
  const server = createServer({ noDelay: true }, (socket) => sockets.push(socket));
  server.listen(tcp ? { port: 0, host: '127.0.0.1' } : { path: join(task.folder, 'socket') });
  await once(server, 'listening');
  const address = tcp ? (server.address() as AddressInfo).port : join(task.folder, 'socket');
  return {
    address,
    async connected() {
      while (sockets.length < task.receivers) await once(server, 'connection');
      server.close();
      return sockets;
    },
  };
}

/** The other side of {@link listenAtSocket}. */
export async function connectToSocket(address: string | number | undefined): Promise<Socket> {
  const socket =
    typeof address === 'number'
      ? connectSocket({ port: address, host: '127.0.0.1', noDelay: true })
      : connectSocket({ path: String(address) });
  await once(socket, 'connect');
  return socket;
}

function isTcp({ channel }: Task): boolean {
  return channel.settings['over'] === 'tcp';
}
