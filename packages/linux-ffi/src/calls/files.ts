import { fstatSync, write as writeAsynchronously } from 'node:fs';
import {
  EBADF,
  EFAULT,
  EINVAL,
  ENOSYS,
  type FileCalls,
  type RuntimeServices,
  STAT_FIELD,
} from '@pageferry/linux';
import type { Driver, NativeFunction } from '../drivers/driver.js';
import {
  expectBigInt64Array,
  expectBoolean,
  expectBytes,
  expectInt,
  expectSafeInteger,
  lieWithin,
} from './arguments.js';
import type { CallContext } from './context.js';
import { F_DUPFD_CLOEXEC, F_GETFD, F_GETFL, F_SETFL, MAX_RW_COUNT } from './numbers.js';

/**
 * Plain input and output, and descriptors. `read` and `write` are made with readv(2) and writev(2),
 * whose iovec has the address and the length: nothing has to be converted for each call.
 */
export function fileCalls(
  context: CallContext,
): FileCalls & Pick<RuntimeServices, 'writeOnThread' | 'closeAtThreadEnd'> {
  const { driver, errno, iovec, fcntl, mappings, watchers, atThreadEnd } = context;
  const readv = driver.declare('readv', 'int', ['int', 'pointer', 'int']);
  const writev = driver.declare('writev', 'int', ['int', 'pointer', 'int']);
  const preadv2 = declarePreadv2(driver);
  const lseek = driver.declare('lseek', 'wide', ['int', 'wide', 'int']);
  /** The position that stands for the file's own. */
  const whereItIs = driver.wide(-1);
  const fchmod = driver.declare('fchmod', 'int', ['int', 'uint']);
  const flock = driver.declare('flock', 'int', ['int', 'int']);

  return {
    read(fd, bytes, offset, length) {
      expectInt(fd, 1);
      expectBytes(bytes, offset, length, 2);
      if (!iovec.aim(bytes, offset, length)) return -EFAULT;
      return iovec.release(errno.repeat(() => readv(fd, iovec.pointer, 1)));
    },

    preadv2(fd, bytes, offset, length, flags) {
      expectInt(fd, 1);
      expectBytes(bytes, offset, length, 2);
      expectInt(flags, 5);
      if (!iovec.aim(bytes, offset, length)) return -EFAULT;
      if (preadv2 === undefined) return iovec.release(-ENOSYS);
      return iovec.release(errno.repeat(() => preadv2(fd, iovec.pointer, 1, whereItIs, flags)));
    },

    write(fd, bytes, offset, length) {
      expectInt(fd, 1);
      expectBytes(bytes, offset, length, 2);
      if (!iovec.aim(bytes, offset, length)) return -EFAULT;
      return iovec.release(errno.repeat(() => writev(fd, iovec.pointer, 1)));
    },

    // Node has write(2) on libuv's pool, which keeps the bytes alive and repeats what is interrupted.
    writeOnThread(fd, bytes, offset, length) {
      expectInt(fd, 1);
      expectBytes(bytes, offset, length, 2);
      if (!lieWithin(bytes.length, offset, length)) return Promise.resolve(-EFAULT);
      if (fd < 0) return Promise.resolve(-EBADF);
      const unpin = mappings.pin(bytes.buffer);
      return new Promise((resolve) => {
        const count = Math.min(length, MAX_RW_COUNT);
        writeAsynchronously(fd, bytes, offset, count, null, (error, written) => {
          unpin();
          resolve(error === null ? written : (error.errno ?? -EINVAL));
        });
      });
    },

    lseek(fd, position, whence) {
      expectInt(fd, 1);
      expectSafeInteger(position, 2);
      expectInt(whence, 3);
      return errno.repeat(() => Number(lseek(fd, driver.wide(position), whence)));
    },

    close(fd) {
      expectInt(fd, 1);
      watchers.forget(fd);
      atThreadEnd.remove(fd);
      return errno.once(() => context.close(fd));
    },

    closeAtThreadEnd(fd, on) {
      expectInt(fd, 1);
      expectBoolean(on, 2);
      const flags = fcntl(fd, F_GETFD, 0);
      if (flags < 0) return flags;
      if (on) atThreadEnd.add(fd);
      else atThreadEnd.remove(fd);
      return 0;
    },

    duplicate(fd, minimum) {
      expectInt(fd, 1);
      expectInt(minimum, 2);
      return fcntl(fd, F_DUPFD_CLOEXEC, minimum);
    },

    getStatusFlags(fd) {
      expectInt(fd, 1);
      return fcntl(fd, F_GETFL, 0);
    },

    setStatusFlags(fd, flags) {
      expectInt(fd, 1);
      expectInt(flags, 2);
      return fcntl(fd, F_SETFL, flags);
    },

    // `struct stat` differs between processors and C libraries; Node knows its own.
    fstat(fd, status) {
      expectInt(fd, 1);
      expectBigInt64Array(status, 2);
      if (status.length < 6) return -EFAULT;
      if (fd < 0) return -EBADF;
      try {
        const { dev, ino, mode, size, blksize, rdev } = fstatSync(fd, { bigint: true });
        status[STAT_FIELD.device] = dev;
        status[STAT_FIELD.inode] = ino;
        status[STAT_FIELD.mode] = mode;
        status[STAT_FIELD.size] = size;
        status[STAT_FIELD.blockSize] = blksize;
        status[STAT_FIELD.specialDevice] = rdev;
        return 0;
      } catch (error) {
        return (error as NodeJS.ErrnoException).errno ?? -EINVAL;
      }
    },

    fchmod(fd, mode) {
      expectInt(fd, 1);
      expectInt(mode, 2);
      return errno.repeat(() => fchmod(fd, mode >>> 0));
    },

    flock(fd, operation) {
      expectInt(fd, 1);
      expectInt(operation, 2);
      return errno.repeat(() => flock(fd, operation));
    },
  };
}

/** preadv2(2), which musl has since 1.2.5; `undefined` where the C library has no such function. */
function declarePreadv2(driver: Driver): NativeFunction<number> | undefined {
  try {
    return driver.declare('preadv2', 'int', ['int', 'pointer', 'int', 'wide', 'int']);
  } catch {
    return undefined;
  }
}
