/**
 * Numbers from the kernel's headers (`include/uapi`) that only the calls themselves need, as on
 * x86-64, arm64 and RISC-V. Each keeps the name it has there.
 */

// fcntl.h
export const F_DUPFD_CLOEXEC = 1030;
export const F_GETFD = 1;
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_SETPIPE_SZ = 1031;
export const F_GETPIPE_SZ = 1032;
export const F_ADD_SEALS = 1033;
export const F_GET_SEALS = 1034;

// mman.h
export const MAP_FIXED = 0x10;
/** As an address. */
export const MAP_FAILED: bigint = 2n ** 64n - 1n;
export const MREMAP_MAYMOVE = 1;
export const MREMAP_FIXED = 2;

// eventpoll.h
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;

// socket.h
export const SOL_SOCKET = 1;
export const SO_TYPE = 3;
export const SO_ERROR = 4;
export const SO_PASSCRED = 16;
export const SO_PEERCRED = 17;
export const SCM_RIGHTS = 1;
export const SCM_CREDENTIALS = 2;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_CMSG_CLOEXEC = 0x4000_0000;

// linux/fs.h: what one read or write moves at most, MAX_RW_COUNT
export const MAX_RW_COUNT = 0x7fff_f000;
