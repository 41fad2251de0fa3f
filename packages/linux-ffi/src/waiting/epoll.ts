import { O_CLOEXEC } from '@pageferry/linux';
import type { Errno } from '../calls/errno.js';
import { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD } from '../calls/numbers.js';
import type { Driver } from '../drivers/driver.js';
import { NativeBlock } from '../memory/native-block.js';

/**
 * `struct epoll_event`: the events, then 64 bits of the caller's, of which the first 32 are used. Only
 * on x86-64 is it packed (`__EPOLL_PACKED`, sys/epoll.h).
 */
const [EVENT_WORDS, DATA_WORD] = process.arch === 'x64' ? [3, 1] : [4, 2];

/** How many ready descriptors one call tells of; the others follow with the next call. */
const MAX_EVENTS = 64;

/** epoll_create1(2), epoll_ctl(2) and epoll_wait(2). */
export function declareEpoll(driver: Driver) {
  return {
    create: driver.declare('epoll_create1', 'int', ['int']),
    control: driver.declare('epoll_ctl', 'int', ['int', 'int', 'int', 'pointer']),
    wait: driver.declare('epoll_wait', 'int', ['int', 'pointer', 'int', 'int']),
  };
}

/** What {@link declareEpoll} returns. */
export type EpollFunctions = ReturnType<typeof declareEpoll>;

/** An epoll instance, epoll(7): level-triggered. */
export class Epoll {
  readonly fd: number;
  readonly #errno: Errno;
  readonly #functions: EpollFunctions;
  readonly #events: NativeBlock;

  /** Makes one; `fd` is `-errno` if that fails. The caller closes the descriptor. */
  constructor(driver: Driver, errno: Errno, functions: EpollFunctions) {
    this.#errno = errno;
    this.#functions = functions;
    this.#events = new NativeBlock(driver, MAX_EVENTS * EVENT_WORDS * 4);
    this.fd = errno.once(() => functions.create(O_CLOEXEC));
  }

  /** Has `fd` watched for poll(2) events, which epoll gives the same numbers. */
  add(fd: number, events: number, token: number): number {
    return this.#change(EPOLL_CTL_ADD, fd, events, token);
  }

  modify(fd: number, events: number, token: number): number {
    return this.#change(EPOLL_CTL_MOD, fd, events, token);
  }

  remove(fd: number): number {
    return this.#change(EPOLL_CTL_DEL, fd, 0, 0);
  }

  /** The tokens of what is ready now. */
  ready(): readonly number[] {
    const { words, pointer } = this.#events;
    const count = this.#errno.repeat(() => this.#functions.wait(this.fd, pointer, MAX_EVENTS, 0));
    const tokens: number[] = [];
    for (let index = 0; index < count; index++) {
      tokens.push(words[index * EVENT_WORDS + DATA_WORD] as number);
    }
    return tokens;
  }

  #change(operation: number, fd: number, events: number, token: number): number {
    const { words, pointer } = this.#events;
    words.fill(0, 0, EVENT_WORDS);
    words[0] = events;
    words[DATA_WORD] = token;
    return this.#errno.once(() => this.#functions.control(this.fd, operation, fd, pointer));
  }
}
