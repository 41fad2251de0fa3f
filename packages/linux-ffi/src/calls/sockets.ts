import { EFAULT, SOCK_CLOEXEC, type SocketCalls } from '@pageferry/linux';
import { NativeBlock } from '../memory/native-block.js';
import { expectBoolean, expectInt, expectInt32Array, expectString } from './arguments.js';
import type { CallContext } from './context.js';
import { SO_ERROR, SO_PASSCRED, SO_PEERCRED, SO_TYPE, SOL_SOCKET } from './numbers.js';
import { UnixAddress } from './unix-address.js';

/** Unix sockets, but for their messages. */
export function socketCalls({
  driver,
  errno,
}: CallContext): Omit<SocketCalls, 'sendmsg' | 'recvmsg'> {
  const address = new UnixAddress(driver);
  // Two descriptors, or the value of a socket option: at most a `struct ucred`.
  const value = new NativeBlock(driver, 12);
  const valueLength = new NativeBlock(driver, 4);
  const socket = driver.declare('socket', 'int', ['int', 'int', 'int']);
  const socketpair = driver.declare('socketpair', 'int', ['int', 'int', 'int', 'pointer']);
  const bind = driver.declare('bind', 'int', ['int', 'pointer', 'uint']);
  const connect = driver.declare('connect', 'int', ['int', 'pointer', 'uint']);
  const listen = driver.declare('listen', 'int', ['int', 'int']);
  const accept4 = driver.declare('accept4', 'int', ['int', 'pointer', 'pointer', 'int']);
  const shutdown = driver.declare('shutdown', 'int', ['int', 'int']);
  const getsockopt = driver.declare('getsockopt', 'int', [
    'int',
    'int',
    'int',
    'pointer',
    'pointer',
  ]);
  const setsockopt = driver.declare('setsockopt', 'int', ['int', 'int', 'int', 'pointer', 'uint']);

  /** Reads a socket option of `words` words. */
  function getOption(fd: number, option: number, words: number): number {
    valueLength.words[0] = words * 4;
    return errno.repeat(() =>
      getsockopt(fd, SOL_SOCKET, option, value.pointer, valueLength.pointer),
    );
  }

  function getNumber(fd: number, option: number): number {
    const result = getOption(fd, option, 1);
    return result < 0 ? result : (value.words[0] as number);
  }

  /** Makes a call with the address that was filled in. `length` is its length, or why it cannot be one. */
  function withAddress(length: number, call: () => number): number {
    return length < 0 ? length : errno.repeat(call);
  }

  return {
    socket(domain, type, protocol) {
      expectInt(domain, 1);
      expectInt(type, 2);
      expectInt(protocol, 3);
      return errno.repeat(() => socket(domain, type | SOCK_CLOEXEC, protocol));
    },

    socketpair(domain, type, protocol, descriptors) {
      expectInt(domain, 1);
      expectInt(type, 2);
      expectInt(protocol, 3);
      expectInt32Array(descriptors, 4);
      if (descriptors.length < 2) return -EFAULT;
      const result = errno.repeat(() =>
        socketpair(domain, type | SOCK_CLOEXEC, protocol, value.pointer),
      );
      if (result === 0) descriptors.set(value.words.subarray(0, 2));
      return result;
    },

    bindUnix(fd, path) {
      expectInt(fd, 1);
      expectString(path, 2);
      const length = address.fill(path);
      return withAddress(length, () => bind(fd, address.pointer, length));
    },

    connectUnix(fd, path) {
      expectInt(fd, 1);
      expectString(path, 2);
      const length = address.fill(path);
      return withAddress(length, () => connect(fd, address.pointer, length));
    },

    bindAbstract(fd, name) {
      expectInt(fd, 1);
      expectString(name, 2);
      const length = address.fillAbstract(name);
      return withAddress(length, () => bind(fd, address.pointer, length));
    },

    connectAbstract(fd, name) {
      expectInt(fd, 1);
      expectString(name, 2);
      const length = address.fillAbstract(name);
      return withAddress(length, () => connect(fd, address.pointer, length));
    },

    listen(fd, backlog) {
      expectInt(fd, 1);
      expectInt(backlog, 2);
      return errno.repeat(() => listen(fd, backlog));
    },

    accept4(fd, flags) {
      expectInt(fd, 1);
      expectInt(flags, 2);
      return errno.repeat(() => accept4(fd, 0n, 0n, flags | SOCK_CLOEXEC));
    },

    shutdown(fd, how) {
      expectInt(fd, 1);
      expectInt(how, 2);
      return errno.repeat(() => shutdown(fd, how));
    },

    getSocketType(fd) {
      expectInt(fd, 1);
      return getNumber(fd, SO_TYPE);
    },

    getSocketError(fd) {
      expectInt(fd, 1);
      return getNumber(fd, SO_ERROR);
    },

    getPeerCredentials(fd, credentials) {
      expectInt(fd, 1);
      expectInt32Array(credentials, 2);
      if (credentials.length < 3) return -EFAULT;
      const result = getOption(fd, SO_PEERCRED, 3);
      if (result === 0) credentials.set(value.words);
      return result;
    },

    setPassCredentials(fd, on) {
      expectInt(fd, 1);
      expectBoolean(on, 2);
      value.words[0] = on ? 1 : 0;
      return errno.repeat(() => setsockopt(fd, SOL_SOCKET, SO_PASSCRED, value.pointer, 4));
    },
  };
}
