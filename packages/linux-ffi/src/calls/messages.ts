import {
  EFAULT,
  EINVAL,
  MAX_DESCRIPTORS_PER_MESSAGE,
  MESSAGE_FIELD,
  MSG_CTRUNC,
  type SocketCalls,
} from '@pageferry/linux';
import { expectBytes, expectInt, expectInt32Array } from './arguments.js';
import type { CallContext } from './context.js';
import { controlSpace, MessageHeader } from './message-header.js';
import {
  MSG_CMSG_CLOEXEC,
  MSG_NOSIGNAL,
  SCM_CREDENTIALS,
  SCM_RIGHTS,
  SOL_SOCKET,
} from './numbers.js';

const SEND_ROOM = controlSpace(MAX_DESCRIPTORS_PER_MESSAGE * 4);
const RECEIVE_ROOM = controlSpace(MAX_DESCRIPTORS_PER_MESSAGE * 4) + controlSpace(12);

/** Messages over Unix sockets, with descriptors and credentials. */
export function messageCalls({
  driver,
  errno,
  iovec,
  close,
}: CallContext): Pick<SocketCalls, 'sendmsg' | 'recvmsg'> {
  const outgoing = new MessageHeader(driver, SEND_ROOM);
  const incoming = new MessageHeader(driver, RECEIVE_ROOM);
  const sendmsg = driver.declare('sendmsg', 'int', ['int', 'pointer', 'int']);
  const recvmsg = driver.declare('recvmsg', 'int', ['int', 'pointer', 'int']);

  return {
    sendmsg(fd, bytes, offset, length, descriptors, descriptorCount, flags) {
      expectInt(fd, 1);
      expectBytes(bytes, offset, length, 2);
      expectInt32Array(descriptors, 5);
      expectInt(descriptorCount, 6);
      expectInt(flags, 7);
      if (!iovec.aim(bytes, offset, length)) return -EFAULT;
      const problem = checkCount(descriptors, descriptorCount, length);
      if (problem < 0) return iovec.release(problem);
      outgoing.prepare(iovec.pointer, descriptorCount && controlSpace(descriptorCount * 4));
      if (descriptorCount > 0) {
        outgoing.put(SOL_SOCKET, SCM_RIGHTS, descriptors.subarray(0, descriptorCount));
      }
      const call = () => sendmsg(fd, outgoing.pointer, flags | MSG_NOSIGNAL);
      return iovec.release(errno.repeat(call));
    },

    recvmsg(fd, bytes, offset, length, descriptors, info, flags) {
      expectInt(fd, 1);
      expectBytes(bytes, offset, length, 2);
      expectInt32Array(descriptors, 5);
      expectInt32Array(info, 6);
      expectInt(flags, 7);
      if (info.length < 5 || !iovec.aim(bytes, offset, length)) return -EFAULT;
      const result = errno.repeat(() => {
        incoming.prepare(iovec.pointer, RECEIVE_ROOM);
        return recvmsg(fd, incoming.pointer, flags | MSG_CMSG_CLOEXEC);
      });
      iovec.release(result);
      if (result >= 0) unpack(incoming, descriptors, info, close);
      return result;
    },
  };
}

/** 0, or why so many descriptors cannot go along. */
function checkCount(descriptors: Int32Array, count: number, byteLength: number): number {
  if (count < 0 || count > MAX_DESCRIPTORS_PER_MESSAGE) return -EINVAL;
  if (count > descriptors.length) return -EFAULT;
  // A stream socket would drop descriptors that travel without a byte, and report success.
  return count > 0 && byteLength === 0 ? -EINVAL : 0;
}

/** Hands over as many descriptors as there is room for, and closes the others. */
function unpack(
  header: MessageHeader,
  descriptors: Int32Array,
  info: Int32Array,
  close: (fd: number) => number,
): void {
  let taken = 0;
  let { flags } = header;
  info.fill(0, 0, 5);
  for (const { level, type, words } of header.received()) {
    if (level !== SOL_SOCKET) continue;
    if (type === SCM_CREDENTIALS) {
      info.set(words.subarray(0, 3), MESSAGE_FIELD.pid);
    } else if (type === SCM_RIGHTS) {
      const room = Math.min(words.length, descriptors.length - taken);
      descriptors.set(words.subarray(0, room), taken);
      taken += room;
      // To the caller it is all one whether the kernel's room or its own was too small.
      if (room < words.length) flags |= MSG_CTRUNC;
      for (const fd of words.subarray(room)) close(fd);
    }
  }
  info[MESSAGE_FIELD.descriptorCount] = taken;
  info[MESSAGE_FIELD.flags] = flags;
}
