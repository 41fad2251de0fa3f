/**
 * Unix sockets: unix(7). See {@link LinuxCalls} for the conventions.
 */
export interface SocketCalls {
  /** socket(2). */
  socket(domain: number, type: number, protocol: number): number;
  /** socketpair(2). Writes both ends to `descriptors`. */
  socketpair(domain: number, type: number, protocol: number, descriptors: Int32Array): number;
  /**
   * bind(2) to a path, unix(7). `-ENAMETOOLONG` above 107 bytes of UTF-8, `-EINVAL` for an empty path
   * or one with a NUL byte: those would be abstract sockets, which have no owner ({@link bindAbstract}).
   */
  bindUnix(fd: number, path: string): number;
  /** connect(2) to a path, unix(7). Paths as with {@link bindUnix}. */
  connectUnix(fd: number, path: string): number;
  /**
   * bind(2) to an abstract name, unix(7): no file has it, it belongs to the network namespace, and it is gone with its
   * last descriptor. The name goes without the leading NUL. `-ENAMETOOLONG` above 107 bytes of UTF-8, `-EINVAL` for an
   * empty one.
   */
  bindAbstract(fd: number, name: string): number;
  /** connect(2) to an abstract name, unix(7). Names as with {@link bindAbstract}. */
  connectAbstract(fd: number, name: string): number;
  /** listen(2). */
  listen(fd: number, backlog: number): number;
  /** accept4(2). */
  accept4(fd: number, flags: number): number;
  /** shutdown(2). */
  shutdown(fd: number, how: number): number;
  /** getsockopt(2) `SO_ERROR`: the pending error as a positive errno, or 0. */
  getSocketError(fd: number): number;
  /** getsockopt(2) `SO_TYPE`: `SOCK_STREAM`, `SOCK_SEQPACKET`, … */
  getSocketType(fd: number): number;
  /** getsockopt(2) `SO_PEERCRED`. Writes pid, uid, gid to `credentials`. */
  getPeerCredentials(fd: number, credentials: Int32Array): number;
  /** setsockopt(2) `SO_PASSCRED`: have the kernel attach credentials to what is received. */
  setPassCredentials(fd: number, on: boolean): number;
  /**
   * sendmsg(2) with `descriptorCount` descriptors attached (`SCM_RIGHTS`, unix(7)). `MSG_NOSIGNAL`
   * is always added. At most {@link MAX_DESCRIPTORS_PER_MESSAGE}, and at least one byte with them:
   * `-EINVAL` otherwise. `-EFAULT` for a count beyond `descriptors`.
   */
  sendmsg(
    fd: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    descriptors: Int32Array,
    descriptorCount: number,
    flags: number,
  ): number;
  /**
   * recvmsg(2). `MSG_CMSG_CLOEXEC` is always added. Received descriptors go to `descriptors`, and
   * those that do not fit are closed, which sets `MSG_CTRUNC` too. `info` gets the fields named by {@link MESSAGE_FIELD}.
   */
  recvmsg(
    fd: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    descriptors: Int32Array,
    info: Int32Array,
    flags: number,
  ): number;
}

/** Index of each field that {@link SocketCalls.recvmsg} writes into `info` (5 elements). */
export const MESSAGE_FIELD = {
  /** How many descriptors were written. */
  descriptorCount: 0,
  /** `msg_flags`; look for `MSG_CTRUNC` and `MSG_TRUNC`. */
  flags: 1,
  /** Credentials (`SCM_CREDENTIALS`) if `SO_PASSCRED` is on; pid is 0 where there are none. */
  pid: 2,
  uid: 3,
  gid: 4,
} as const;

/** How many descriptors one message may carry, which is the kernel's limit (`SCM_MAX_FD`). */
export const MAX_DESCRIPTORS_PER_MESSAGE = 253;
