import type { Driver, NativeFunction } from '../drivers/driver.js';
import { Iovec } from '../memory/iovec.js';
import { MappingTable } from '../memory/mapping-table.js';
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
  readonly mappings: MappingTable;
  /** What is closed when the thread ends. */
  readonly atThreadEnd: ThreadEndDescriptors;
  readonly watchers: EpollWatchers;
}

/** Makes it. */
export function createContext(driver: Driver): CallContext {
  const errno = new Errno(driver);
  const services = {
    driver,
    errno,
    iovec: new Iovec(driver),
    fcntl: declareFcntl(driver, errno),
    close: driver.declare('close', 'int', ['int']),
    poll: new Poll(driver, errno),
    mappings: new MappingTable(driver, errno),
    atThreadEnd: new ThreadEndDescriptors(driver),
  };
  return { ...services, watchers: new EpollWatchers(services) };
}
