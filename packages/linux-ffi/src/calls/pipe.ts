import { EFAULT, EINVAL, O_CLOEXEC, type PipeCalls, type RuntimeServices } from '@pageferry/linux';
import { NativeBlock } from '../memory/native-block.js';
import { expectBytes, expectInt, expectInt32Array, expectSafeInteger } from './arguments.js';
import type { CallContext } from './context.js';
import { F_GETPIPE_SZ, F_SETPIPE_SZ } from './numbers.js';
import { declareSplice } from './splice.js';

/**
 * Pipes. What moves bytes returns `ssize_t`, and is declared to return an int: one call moves at most
 * `MAX_RW_COUNT` bytes (2^31 less a page), and a pipe holds no more.
 */
export function pipeCalls({
  driver,
  errno,
  iovec,
  fcntl,
}: CallContext): PipeCalls & Pick<RuntimeServices, 'spliceOnThread'> {
  const ends = new NativeBlock(driver, 8);
  const one = driver.wide(1);
  const pipe2 = driver.declare('pipe2', 'int', ['pointer', 'int']);
  const vmsplice = driver.declare('vmsplice', 'int', ['int', 'pointer', 'wide', 'uint']);
  const tee = driver.declare('tee', 'int', ['int', 'int', 'wide', 'uint']);
  const splice = declareSplice(driver, errno);

  return {
    pipe2(descriptors, flags) {
      expectInt32Array(descriptors, 1);
      expectInt(flags, 2);
      if (descriptors.length < 2) return -EFAULT;
      const result = errno.repeat(() => pipe2(ends.pointer, flags | O_CLOEXEC));
      if (result === 0) descriptors.set(ends.words);
      return result;
    },

    vmsplice(fd, bytes, offset, length, flags) {
      expectInt(fd, 1);
      expectBytes(bytes, offset, length, 2);
      expectInt(flags, 5);
      if (!iovec.aim(bytes, offset, length)) return -EFAULT;
      return iovec.release(errno.repeat(() => vmsplice(fd, iovec.pointer, one, flags >>> 0)));
    },

    splice(fromFd, toFd, length, flags) {
      checkSplice(fromFd, toFd, length, flags);
      return splice(fromFd, toFd, length, flags);
    },

    spliceOnThread(fromFd, toFd, length, flags) {
      checkSplice(fromFd, toFd, length, flags);
      if (length < 0) return Promise.resolve(-EINVAL);
      return driver.spliceOnThread(fromFd, toFd, length, flags >>> 0);
    },

    tee(fromFd, toFd, length, flags) {
      checkSplice(fromFd, toFd, length, flags);
      if (length < 0) return -EINVAL;
      const count = driver.wide(length);
      return errno.repeat(() => tee(fromFd, toFd, count, flags >>> 0));
    },

    getPipeSize(fd) {
      expectInt(fd, 1);
      return fcntl(fd, F_GETPIPE_SZ, 0);
    },

    setPipeSize(fd, byteLength) {
      expectInt(fd, 1);
      expectSafeInteger(byteLength, 2);
      // fcntl takes an int: a larger number must not wrap around to a small one.
      if (byteLength < 0 || byteLength > 0x7fff_ffff) return -EINVAL;
      return fcntl(fd, F_SETPIPE_SZ, byteLength);
    },
  };
}

function checkSplice(fromFd: number, toFd: number, length: number, flags: number): void {
  expectInt(fromFd, 1);
  expectInt(toFd, 2);
  expectSafeInteger(length, 3);
  expectInt(flags, 4);
}
