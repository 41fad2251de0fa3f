import { once } from 'node:events';
import {
  adopt,
  type Binding,
  type FdSocket,
  type FdSocketTypeOptions,
  openPair,
  type ReceivedMessage,
} from '@pageferry/fd-socket';
import { atEnd } from './cleanup.js';

/** Two connected sockets, destroyed at the end of the test. */
export async function openBoth(
  options: FdSocketTypeOptions & { binding: Binding },
): Promise<[FdSocket, FdSocket]> {
  const { socket, other } = await openPair(options);
  const { type: _, ...rest } = options;
  const peer = await adopt(other, rest);
  for (const each of [socket, peer]) {
    atEnd(() => {
      each.destroy();
    });
  }
  return [socket, peer];
}

/** The next message. */
export async function next(socket: FdSocket): Promise<ReceivedMessage> {
  for (;;) {
    const message = socket.read() as ReceivedMessage | null;
    if (message !== null) return message;
    await once(socket, 'readable');
  }
}
