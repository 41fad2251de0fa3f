import type { Driver, NativeFunction } from '../drivers/driver.js';
import { Iovec } from '../memory/iovec.js';
import { MappingTable } from '../memory/mapping-table.js';
import { Replacement } from '../memory/replacement.js';
import { EpollWatchers } from '../waiting/epoll-watchers.js';
import { Errno } from './errno.js';
import { declareFcntl, type Fcntl } from './fcntl.js';
import { Poll } from './poll.js';
import { ThreadEndDescriptors } from './thread-end-descriptors.js';

/** What the system calls of one thread share. */
export interface CallContext {
  readonly driver: Driver;
  readonly errno: Errno;
  /** For the one stretch of bytes that a call reads or writes. */
  readonly iovec: Iovec;
  readonly fcntl: Fcntl;
  /** close(2), and nothing else. */
  readonly close: NativeFunction<number>;
  readonly poll: Poll;
  readonly mmap: NativeFunction<bigint>;
  readonly replacement: Replacement;
  readonly mappings: MappingTable;
  /** What is closed when the thread ends. */
  readonly atThreadEnd: ThreadEndDescriptors;
  readonly watchers: EpollWatchers;
}

/** Makes it. */
export function createContext(driver: Driver): CallContext {
  const errno = new Errno(driver);
  const mmap = driver.declare('mmap', 'pointer', ['pointer', 'wide', 'int', 'int', 'int', 'wide']);
  const munmap = driver.declare('munmap', 'int', ['pointer', 'wide']);
  const replacement = new Replacement(driver, errno, { mmap, munmap });
  const services = {
    driver,
    errno,
    iovec: new Iovec(driver),
    fcntl: declareFcntl(driver, errno),
    close: driver.declare('close', 'int', ['int']),
    poll: new Poll(driver, errno),
    mmap,
    replacement,
    mappings: new MappingTable(driver, errno, munmap, replacement),
    atThreadEnd: new ThreadEndDescriptors(driver),
  };
  return { ...services, watchers: new EpollWatchers(services) };
}
