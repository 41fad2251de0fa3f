import type { LinuxCalls } from '@pageferry/linux';
import koffi from 'koffi';

const EFD_SEMAPHORE = 1;
const CLOCK_MONOTONIC = 1;
const SYS_PIDFD_OPEN = 434;

const program = koffi.load(null);
const inotifyInit = program.func('int inotify_init1(int)');
const timerfdCreate = program.func('int timerfd_create(int, int)');
const epollCreate = program.func('int epoll_create1(int)');
const signalfd = program.func('int signalfd(int, void *, int)');
const syscall = program.func('int syscall(int64_t, int64_t, int64_t)');

/** Descriptors that have no file type, as an eventfd has none, and that are no doorbells. */
export const FALSE_BELLS: Readonly<Record<string, (calls: LinuxCalls) => number>> = {
  'an eventfd that counts down': semaphore,
  'an epoll instance': () => epollCreate(0),
  'an inotify instance': () => inotifyInit(0),
  'a timer': () => timerfdCreate(CLOCK_MONOTONIC, 0),
  'a descriptor of signals': () => {
    const noSignals = new Uint8Array(8);
    return signalfd(-1, noSignals, 0);
  },
  'a process': () => syscall(SYS_PIDFD_OPEN, process.pid, 0),
};

/** An eventfd that has rung often, and of which a read takes a single ring. */
export function semaphore(calls: LinuxCalls): number {
  return calls.eventfd(0xffffffff, EFD_SEMAPHORE);
}
