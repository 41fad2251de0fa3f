/**
 * The process on the far side of the probes: takes descriptors from the doctor, and tells what comes
 * out of them. Ends when the doctor closes its end of the socket.
 */
import { isPageferryError } from '@pageferry/core';
import {
  type BindingName,
  O_NONBLOCK,
  OwnedFd,
  type SocketMessage,
  UnixSocket,
} from '@pageferry/linux';
import { loadBinding } from '../bindings/bindings.js';
import type { SystemCall } from '../capabilities/system-calls.js';
import { endWithParent } from '../children/end-with-parent.js';
import type { Sight } from './observer.js';
import { sparing } from './sparing.js';
import { Taker } from './taker.js';
import { type Answer, type Command, decode, encode, MESSAGE_BYTES, SOCKET_FD } from './wire.js';

const [binding, ...killers] = endWithParent();
const calls = sparing(await loadBinding(binding as BindingName), killers as SystemCall[]);
// There is nothing else to do meanwhile.
calls.setStatusFlags(SOCKET_FD, calls.getStatusFlags(SOCKET_FD) & ~O_NONBLOCK);
const socket = new UnixSocket(calls, new OwnedFd(calls, SOCKET_FD));
const taker = new Taker(calls);
socket.send(encode({ ready: true }));

for (;;) {
  const message = socket.receive(MESSAGE_BYTES);
  if (message === undefined || message === 'end') break;
  socket.send(encode(answer(message)));
}

function answer(message: SocketMessage): Answer {
  try {
    return { sight: obey(decode<Command>(message.bytes), message.descriptors[0]?.fd ?? -1) };
  } catch (error) {
    if (!isPageferryError(error)) throw error;
    const { message: words, syscall, errno, errnoName } = error;
    return JSON.parse(JSON.stringify({ failed: { message: words, syscall, errno, errnoName } }));
  } finally {
    for (const descriptor of message.descriptors) descriptor.close();
  }
}

function obey(command: Command, fd: number): Sight {
  switch (command.what) {
    case 'read':
      return taker.read(fd);
    case 'vmsplice':
      return taker.vmsplice(fd);
    case 'map':
      return taker.map(fd, command.byteLength);
    case 'look':
      return taker.look();
  }
}
