import type { LinuxCalls } from '@pageferry/linux';
import { KoffiDriver } from '../../../linux-ffi/dist/drivers/koffi-driver.js';

const EFD_SEMAPHORE = 1;
const CLOCK_MONOTONIC = 1;
const SYS_PIDFD_OPEN = 434;

const driver = new KoffiDriver();
const inotifyInit = driver.declare('inotify_init1', 'int', ['int']);
const timerfdCreate = driver.declare('timerfd_create', 'int', ['int', 'int']);
const epollCreate = driver.declare('epoll_create1', 'int', ['int']);
const signalfd = driver.declare('signalfd', 'int', ['int', 'pointer', 'int']);
const syscall = driver.declare('syscall', 'int', ['wide', 'wide', 'wide']);

/** Descriptors that have no file type, as an eventfd has none, and that are no doorbells. */
export const FALSE_BELLS: Readonly<Record<string, (calls: LinuxCalls) => number>> = {
  'an eventfd that counts down': semaphore,
  'an epoll instance': () => epollCreate(0),
  'an inotify instance': () => inotifyInit(0),
  'a timer': () => timerfdCreate(CLOCK_MONOTONIC, 0),
  'a descriptor of signals': () => {
    const noSignals = new ArrayBuffer(8);
    return signalfd(-1, driver.addressOf(noSignals), 0);
  },
  'a process': () => syscall(SYS_PIDFD_OPEN, process.pid, 0),
};

/** An eventfd that has rung often, and of which a read takes a single ring. */
export function semaphore(calls: LinuxCalls): number {
  return calls.eventfd(0xffffffff, EFD_SEMAPHORE);
}
