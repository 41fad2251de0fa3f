import {
  EFAULT,
  EINVAL,
  ENOSYS,
  type MemoryCalls,
  MFD_CLOEXEC,
  type RuntimeServices,
} from '@pageferry/linux';
import { NOTHING } from '../memory/mapping-table.js';
import { NativeBlock } from '../memory/native-block.js';
import {
  expectArrayBuffer,
  expectBytes,
  expectFloat64Array,
  expectInt,
  expectInt32Array,
  expectSafeInteger,
  expectString,
  lieWithin,
} from './arguments.js';
import type { CallContext } from './context.js';
import { F_ADD_SEALS, F_GET_SEALS, MAP_FAILED, MAP_FIXED } from './numbers.js';

/** Longer than any name that the kernel takes, so that the kernel is the one to refuse. */
const MAX_NAME_BYTES = 255;

/** Memory files and mappings. */
export function memoryCalls(
  context: CallContext,
): MemoryCalls &
  Pick<
    RuntimeServices,
    | 'munmapLater'
    | 'remap'
    | 'alias'
    | 'detach'
    | 'addressOf'
    | 'copyPastCache'
    | 'threadBell'
    | 'threadAlias'
    | 'explainWrites'
  > {
  const { driver, errno, fcntl, mmap, mappings, replacement } = context;
  const memoryName = new NativeBlock(driver, MAX_NAME_BYTES + 1);
  const getpagesize = driver.declare('getpagesize', 'int', []);
  const memfdCreate = driver.declare('memfd_create', 'int', ['pointer', 'uint']);
  const ftruncate = driver.declare('ftruncate', 'int', ['int', 'wide']);
  const fallocate = driver.declare('fallocate', 'int', ['int', 'int', 'wide', 'wide']);
  const madvise = driver.declare('madvise', 'int', ['pointer', 'wide', 'int']);
  const pageSize = getpagesize();

  return {
    pageSize: () => pageSize,

    memfdCreate(name, flags) {
      expectString(name, 1);
      expectInt(flags, 2);
      const characters = Buffer.from(name).subarray(0, MAX_NAME_BYTES);
      if (characters.includes(0)) return -EINVAL;
      memoryName.bytes.set(characters);
      memoryName.bytes[characters.length] = 0;
      return errno.repeat(() => memfdCreate(memoryName.pointer, (flags | MFD_CLOEXEC) >>> 0));
    },

    ftruncate(fd, byteLength) {
      expectInt(fd, 1);
      expectSafeInteger(byteLength, 2);
      return errno.repeat(() => ftruncate(fd, driver.wide(byteLength)));
    },

    fallocate(fd, mode, offset, byteLength) {
      expectInt(fd, 1);
      expectInt(mode, 2);
      expectSafeInteger(offset, 3);
      expectSafeInteger(byteLength, 4);
      return errno.repeat(() => fallocate(fd, mode, driver.wide(offset), driver.wide(byteLength)));
    },

    getSeals(fd) {
      expectInt(fd, 1);
      return fcntl(fd, F_GET_SEALS, 0);
    },

    addSeals(fd, seals) {
      expectInt(fd, 1);
      expectInt(seals, 2);
      return fcntl(fd, F_ADD_SEALS, seals);
    },

    mmap(byteLength, protection, flags, fd, offset, shown = byteLength) {
      expectSafeInteger(byteLength, 1);
      expectInt(protection, 2);
      expectInt(flags, 3);
      expectInt(fd, 4);
      expectSafeInteger(offset, 5);
      expectSafeInteger(shown, 6);
      if (shown <= 0 || shown > byteLength) return -EINVAL;
      // MAP_FIXED would replace whatever is at the address, and the address here is 0.
      if ((flags & MAP_FIXED) !== 0) return -EINVAL;
      const length = driver.wide(byteLength);
      const address = mmap(0n, length, protection, flags, fd, driver.wide(offset));
      return address === MAP_FAILED ? -errno.value : mappings.add(address, byteLength, shown);
    },

    munmap(buffer, kept) {
      expectArrayBuffer(buffer, 1);
      if (kept !== undefined) expectFloat64Array(kept, 2);
      return mappings.remove(buffer, kept ?? NOTHING);
    },

    munmapLater(buffer) {
      expectArrayBuffer(buffer, 1);
      return mappings.removeLater(buffer);
    },

    remap(buffer, byteLength, protection, flags, fd) {
      expectArrayBuffer(buffer, 1);
      expectSafeInteger(byteLength, 2);
      expectInt(protection, 3);
      expectInt(flags, 4);
      expectInt(fd, 5);
      const mapping = mappings.find(buffer);
      if (mapping === undefined || (flags & MAP_FIXED) !== 0) return -EINVAL;
      return replacement.replace(mapping, byteLength, protection, flags, fd);
    },

    madvise(buffer, offset, length, advice) {
      expectArrayBuffer(buffer, 1);
      expectSafeInteger(offset, 2);
      expectSafeInteger(length, 3);
      expectInt(advice, 4);
      const mapping = mappings.find(buffer);
      if (mapping === undefined) return -EINVAL;
      if (!lieWithin(mapping.byteLength, offset, length)) return -EFAULT;
      const start = mapping.address + BigInt(offset);
      return errno.repeat(() => madvise(start, driver.wide(length), advice));
    },

    alias(buffer, offset, byteLength) {
      expectArrayBuffer(buffer, 1);
      expectSafeInteger(offset, 2);
      expectSafeInteger(byteLength, 3);
      return mappings.alias(buffer, offset, byteLength);
    },

    detach(buffer) {
      expectArrayBuffer(buffer, 1);
      return mappings.detachAlias(buffer);
    },

    addressOf(buffer) {
      expectArrayBuffer(buffer, 1);
      return driver.addressOf(buffer);
    },

    // libc has no function for that.
    copyPastCache(target, targetOffset, targetLength, source, sourceOffset, sourceLength) {
      expectBytes(target, targetOffset, targetLength, 1);
      expectBytes(source, sourceOffset, sourceLength, 4);
      const areWithin =
        lieWithin(target.length, targetOffset, targetLength) &&
        lieWithin(source.length, sourceOffset, sourceLength);
      return areWithin ? -ENOSYS : -EFAULT;
    },

    // Only Node-API makes a SharedArrayBuffer over memory that is there already.
    threadBell(buffer) {
      expectArrayBuffer(buffer, 1);
      return -ENOSYS;
    },

    threadAlias(buffer, offset, byteLength, bellOf) {
      expectArrayBuffer(buffer, 1);
      expectSafeInteger(offset, 2);
      expectSafeInteger(byteLength, 3);
      expectArrayBuffer(bellOf, 4);
      return -ENOSYS;
    },

    // Nothing of ours could run when the signal comes: a handler in JavaScript cannot.
    explainWrites(buffer, words, shape, text) {
      expectArrayBuffer(buffer, 1);
      expectInt32Array(words, 2);
      expectInt32Array(shape, 3);
      expectString(text, 4);
      return -ENOSYS;
    },
  };
}
