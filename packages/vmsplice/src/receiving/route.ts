import {
  type Destination,
  destinationOf,
  ENOSYS,
  EOPNOTSUPP,
  EPERM,
  type LinuxCalls,
  S_IFCHR,
  S_IFIFO,
  S_IFREG,
  S_IFSOCK,
} from '@pageferry/linux';

/** How bytes get to a destination fastest. Measured; see `docs/kernel-facts.md`. */
export interface Route {
  /**
   * - `splice`: page references move without blocking: `/dev/null`, pipes, non-blocking sockets.
   * - `splice-on-thread`: page references move, but the call may block: `O_DIRECT` files, blocking
   *   sockets.
   * - `read-write`: through a buffer: files in the page cache, where splice is several times slower;
   *   `O_APPEND` files and terminals, where it is refused.
   */
  readonly kind: 'splice' | 'splice-on-thread' | 'read-write';
  /** True if pages may be referenced for longer than the call: by a pipe or a socket. */
  readonly keepsReferences: boolean;
  /** True of a call that may wait for whoever reads at the destination: a blocking socket's. */
  readonly waitsForPeers: boolean;
  /** Lengths and offsets must be multiples of this; 1 where they need not. */
  readonly alignment: number;
}

/** `/dev/null`: major 1, minor 3, as `stat` reports it. */
const NULL_DEVICE = 0x103n;

/** `O_DIRECT` wants blocks; a page is a multiple of every block size in use. */
const DIRECT_ALIGNMENT = 4096;

const SPLICE = route('splice');
const READ_WRITE = route('read-write');

function route(kind: Route['kind'], more: Partial<Route> = {}): Route {
  return { kind, keepsReferences: false, waitsForPeers: false, alignment: 1, ...more };
}

/** The best route to a destination, where splice is possible. */
function routeTo({ type, blocks, isDirect, appends, device }: Destination): Route {
  switch (type) {
    case S_IFIFO:
      return route('splice', { keepsReferences: true });
    case S_IFSOCK:
      return route(blocks ? 'splice-on-thread' : 'splice', {
        keepsReferences: true,
        waitsForPeers: blocks,
      });
    case S_IFREG:
      if (!isDirect || appends) return READ_WRITE;
      return route('splice-on-thread', { alignment: DIRECT_ALIGNMENT });
    case S_IFCHR:
      return device === NULL_DEVICE ? SPLICE : READ_WRITE;
    default:
      return READ_WRITE;
  }
}

/** How a seccomp filter, or a kernel without the call, answers splice. */
const REFUSALS: readonly number[] = [-EPERM, -ENOSYS, -EOPNOTSUPP];

/** Asks with descriptors that cannot be: a kernel that makes the call finds that. */
function splicesAtAll(calls: LinuxCalls): boolean {
  return !REFUSALS.includes(calls.splice(-1, -1, 1, 0));
}

/**
 * Finds routes to destinations. Where splice is refused, all of them are `read-write`.
 *
 * Remembers routes by the object that stands for the descriptor, because finding one out costs as
 * much as splicing a small message. Plain numbers are not remembered: they are used again for other
 * files.
 */
export class RouteMemory {
  readonly #calls: LinuxCalls;
  readonly #splices: boolean;
  readonly #known = new WeakMap<object, { readonly fd: number; readonly route: Route }>();

  constructor(calls: LinuxCalls) {
    this.#calls = calls;
    this.#splices = splicesAtAll(calls);
  }

  /**
   * The best route to `fd`, which the caller named by `destination`.
   *
   * @throws `SYSTEM_CALL_FAILED` (`EBADF`).
   */
  routeTo(fd: number, destination: unknown): Route {
    if (!this.#splices) return READ_WRITE;
    const find = (): Route => routeTo(destinationOf(this.#calls, fd));
    if (typeof destination !== 'object' || destination === null) return find();
    const known = this.#known.get(destination);
    if (known?.fd === fd) return known.route;
    const found = find();
    this.#known.set(destination, { fd, route: found });
    return found;
  }
}
