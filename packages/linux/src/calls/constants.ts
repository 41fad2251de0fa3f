/**
 * Numbers from the kernel's headers (`include/uapi`), as on x86-64, arm64 and RISC-V. Each keeps the
 * name it has there, so that the man pages can be searched for it.
 */

// splice.h
/** Flag of splice(2): move pages rather than copy them. Without effect. */
export const SPLICE_F_MOVE = 1;
/** Flag of splice(2): do not wait for the pipe. */
export const SPLICE_F_NONBLOCK = 2;
/** Flag of splice(2): more data is to come. */
export const SPLICE_F_MORE = 4;
/** Flag of vmsplice(2): the pages are given away. */
export const SPLICE_F_GIFT = 8;

// fcntl.h; O_DIRECT and O_DIRECTORY differ by architecture, see `architecture.ts`
/** The bits of `O_RDONLY`, `O_WRONLY` and `O_RDWR`, open(2). */
export const O_ACCMODE = 0o3;
/** Flag of open(2). */
export const O_RDONLY = 0;
/** Flag of open(2). */
export const O_WRONLY = 1;
/** Flag of open(2). */
export const O_RDWR = 2;
/** Flag of open(2). */
export const O_APPEND = 0o2000;
/** Flag of open(2). */
export const O_NONBLOCK = 0o4000;
/** Flag of open(2). */
export const O_CLOEXEC = 0o2000000;
/** Seal of a memory file, fcntl(2). */
export const F_SEAL_SEAL = 1;
/** Seal of a memory file, fcntl(2). */
export const F_SEAL_SHRINK = 2;
/** Seal of a memory file, fcntl(2). */
export const F_SEAL_GROW = 4;
/** Seal of a memory file, fcntl(2). */
export const F_SEAL_WRITE = 8;
/** Seal of a memory file, fcntl(2). */
export const F_SEAL_FUTURE_WRITE = 16;
/** Seal of a memory file, fcntl(2). */
export const F_SEAL_EXEC = 32;

// memfd.h, mman.h
/** Flag of memfd_create(2). */
export const MFD_CLOEXEC = 1;
/** Flag of memfd_create(2). */
export const MFD_ALLOW_SEALING = 2;
/** Flag of memfd_create(2). */
export const MFD_NOEXEC_SEAL = 8;
/** Protection of a mapping, mmap(2). */
export const PROT_NONE = 0;
/** Protection of a mapping, mmap(2). */
export const PROT_READ = 1;
/** Protection of a mapping, mmap(2). */
export const PROT_WRITE = 2;
/** Flag of mmap(2). */
export const MAP_SHARED = 1;
/** Flag of mmap(2). */
export const MAP_PRIVATE = 2;
/** Flag of mmap(2). */
export const MAP_ANONYMOUS = 0x20;
/** Flag of mmap(2). */
export const MAP_NORESERVE = 0x4000;
/** Flag of mmap(2). */
export const MAP_POPULATE = 0x8000;
/** Advice of madvise(2). */
export const MADV_DONTNEED = 4;
/** Advice of madvise(2). */
export const MADV_HUGEPAGE = 14;
/** Advice of madvise(2). */
export const MADV_NOHUGEPAGE = 15;
/** Advice of madvise(2). */
export const MADV_POPULATE_READ = 22;
/** Advice of madvise(2). */
export const MADV_POPULATE_WRITE = 23;

// eventfd.h
/** Flag of eventfd(2). */
export const EFD_NONBLOCK = O_NONBLOCK;
/** Flag of eventfd(2). */
export const EFD_CLOEXEC = O_CLOEXEC;

// fs.h
/** Flag of preadv2(2): do not wait. */
export const RWF_NOWAIT = 8;

// membarrier.h
/** Command of membarrier(2). */
export const MEMBARRIER_CMD_QUERY = 0;
/** Command of membarrier(2). */
export const MEMBARRIER_CMD_GLOBAL_EXPEDITED = 2;
/** Command of membarrier(2). */
export const MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED = 4;

// poll.h
/** Event of poll(2). */
export const POLLIN = 0x1;
/** Event of poll(2). */
export const POLLPRI = 0x2;
/** Event of poll(2). */
export const POLLOUT = 0x4;
/** Event of poll(2). */
export const POLLERR = 0x8;
/** Event of poll(2). */
export const POLLHUP = 0x10;
/** Event of poll(2). */
export const POLLNVAL = 0x20;
/** Event of poll(2). */
export const POLLRDHUP = 0x2000;

// socket.h
/** Family of Unix sockets, unix(7). */
export const AF_UNIX = 1;
/** Type of a socket: a stream of bytes, unix(7). */
export const SOCK_STREAM = 1;
/** Type of a socket: messages in order, unix(7). */
export const SOCK_SEQPACKET = 5;
/** Flag of socket(2). */
export const SOCK_NONBLOCK = O_NONBLOCK;
/** Flag of socket(2). */
export const SOCK_CLOEXEC = O_CLOEXEC;
/** Flag of sendmsg(2) and recvmsg(2). */
export const MSG_DONTWAIT = 0x40;
/** Flag of sendmsg(2) and recvmsg(2). */
export const MSG_CTRUNC = 0x8;
/** Flag of sendmsg(2) and recvmsg(2). */
export const MSG_TRUNC = 0x20;
/** Flag of sendmsg(2) and recvmsg(2). */
export const MSG_PEEK = 0x2;
/** Half of a connection, shutdown(2). */
export const SHUT_RD = 0;
/** Half of a connection, shutdown(2). */
export const SHUT_WR = 1;
/** Half of a connection, shutdown(2). */
export const SHUT_RDWR = 2;

// file.h (flock), stdio.h (seek), stat.h
/** Operation of flock(2). */
export const LOCK_SH = 1;
/** Operation of flock(2). */
export const LOCK_EX = 2;
/** Operation of flock(2). */
export const LOCK_NB = 4;
/** Operation of flock(2). */
export const LOCK_UN = 8;
/** Where lseek(2) counts from. */
export const SEEK_SET = 0;
/** Where lseek(2) counts from. */
export const SEEK_CUR = 1;
/** Where lseek(2) counts from. */
export const SEEK_END = 2;
/** The bits of a mode that have the type of a file, inode(7). */
export const S_IFMT = 0o170000;
/** Type of a file in its mode, inode(7). */
export const S_IFSOCK = 0o140000;
/** Type of a file in its mode, inode(7). */
export const S_IFREG = 0o100000;
/** Type of a file in its mode, inode(7). */
export const S_IFCHR = 0o020000;
/** Type of a file in its mode, inode(7). */
export const S_IFIFO = 0o010000;

// asm-generic/errno-base.h and errno.h
/** Error number: operation not permitted, errno(3). */
export const EPERM = 1;
/** Error number: no such file or directory, errno(3). */
export const ENOENT = 2;
/** Error number: no such process, errno(3). */
export const ESRCH = 3;
/** Error number: interrupted system call, errno(3). */
export const EINTR = 4;
/** Error number: input/output error, errno(3). */
export const EIO = 5;
/** Error number: bad file descriptor, errno(3). */
export const EBADF = 9;
/** Error number: resource temporarily unavailable, errno(3). */
export const EAGAIN = 11;
/** Error number: cannot allocate memory, errno(3). */
export const ENOMEM = 12;
/** Error number: permission denied, errno(3). */
export const EACCES = 13;
/** Error number: bad address, errno(3). */
export const EFAULT = 14;
/** Error number: device or resource busy, errno(3). */
export const EBUSY = 16;
/** Error number: file exists, errno(3). */
export const EEXIST = 17;
/** Error number: not a directory, errno(3). */
export const ENOTDIR = 20;
/** Error number: invalid argument, errno(3). */
export const EINVAL = 22;
/** Error number: too many open files in system, errno(3). */
export const ENFILE = 23;
/** Error number: too many open files, errno(3). */
export const EMFILE = 24;
/** Error number: no space left on device, errno(3). */
export const ENOSPC = 28;
/** Error number: illegal seek, errno(3). */
export const ESPIPE = 29;
/** Error number: broken pipe, errno(3). */
export const EPIPE = 32;
/** Error number: file name too long, errno(3). */
export const ENAMETOOLONG = 36;
/** Error number: function not implemented, errno(3). */
export const ENOSYS = 38;
/** Error number: too many levels of symbolic links, errno(3). */
export const ELOOP = 40;
/** Error number: protocol wrong type for socket, errno(3). */
export const EPROTOTYPE = 91;
/** Error number: operation not supported, errno(3). */
export const EOPNOTSUPP = 95;
/** Error number: address already in use, errno(3). */
export const EADDRINUSE = 98;
/** Error number: connection reset by peer, errno(3). */
export const ECONNRESET = 104;
/** Error number: no buffer space available, errno(3). */
export const ENOBUFS = 105;
/** Error number: transport endpoint is not connected, errno(3). */
export const ENOTCONN = 107;
/** Error number: too many references: cannot splice, errno(3). */
export const ETOOMANYREFS = 109;
/** Error number: connection timed out, errno(3). */
export const ETIMEDOUT = 110;
/** Error number: connection refused, errno(3). */
export const ECONNREFUSED = 111;
/** Error number: operation now in progress, errno(3). */
export const EINPROGRESS = 115;

/** What a pipe that says it is ready takes without blocking, in bytes (pipe(7)); terminals do the same. */
export const PIPE_BUF = 4096;
