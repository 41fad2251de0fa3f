import {
  EFAULT,
  EINVAL,
  O_CLOEXEC,
  type RuntimeServices,
  type WaitingCalls,
} from '@pageferry/linux';
import {
  expectBoolean,
  expectFunction,
  expectInt,
  expectInt32Array,
  expectSafeInteger,
} from './arguments.js';
import type { CallContext } from './context.js';

/** Number of pidfd_open(2), the same on every processor: older C libraries have no function for it. */
const SYS_PIDFD_OPEN = 434;

/** Number of membarrier(2), for which no C library has a function: x86-64 counts otherwise than the others. */
const SYS_MEMBARRIER = process.arch === 'x64' ? 324 : 283;

/** Waiting and waking. */
export function waitingCalls({
  driver,
  errno,
  poll,
  watchers,
}: CallContext): WaitingCalls & Pick<RuntimeServices, 'watch'> {
  const schedYield = driver.declare('sched_yield', 'int', []);
  const eventfd = driver.declare('eventfd', 'int', ['uint', 'int']);
  // Variadic in C: see fcntl.ts. What comes back has 32 bits: a descriptor, a set of commands, or -1.
  const syscall = driver.declare('syscall', 'int', ['wide', 'int', 'int']);

  return {
    poll(fd, events, timeout) {
      expectInt(fd, 1);
      expectInt(events, 2);
      expectInt(timeout, 3);
      return poll.one(fd, events, timeout);
    },

    pollMany(entries, count, timeout) {
      expectInt32Array(entries, 1);
      expectInt(count, 2);
      expectInt(timeout, 3);
      if (count < 0) return -EINVAL;
      if (count > Math.floor(entries.length / 2)) return -EFAULT;
      return poll.many(entries, count, timeout);
    },

    schedYield: () => errno.once(() => schedYield()),

    eventfd(initialValue, flags) {
      expectSafeInteger(initialValue, 1);
      expectInt(flags, 2);
      if (initialValue < 0 || initialValue >= 2 ** 32) return -EINVAL;
      return errno.repeat(() => eventfd(initialValue, flags | O_CLOEXEC));
    },

    pidfdOpen(pid, flags) {
      expectInt(pid, 1);
      expectInt(flags, 2);
      return errno.repeat(() => syscall(driver.wide(SYS_PIDFD_OPEN), pid, flags));
    },

    membarrier(command, flags) {
      expectInt(command, 1);
      expectInt(flags, 2);
      return errno.repeat(() => syscall(driver.wide(SYS_MEMBARRIER), command, flags));
    },

    watch(fd, events, callback, owns = false) {
      expectInt(fd, 1);
      expectInt(events, 2);
      expectFunction(callback, 3);
      expectBoolean(owns, 4);
      return watchers.watch(fd, events, callback, owns);
    },
  };
}
