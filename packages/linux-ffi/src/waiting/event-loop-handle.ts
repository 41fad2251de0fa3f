import { Socket } from 'node:net';
import { clock } from '@pageferry/core';

/** What is used of the object behind a `net.Socket`: a libuv stream, which Node owns. */
interface StreamHandle {
  open(fd: number): number;
  readStart(): number;
  ref(): void;
  unref(): void;
  close(): void;
  onread: () => void;
}

type StreamHandleClass = new (type: number) => StreamHandle;

/** `PipeConstants.SOCKET` of Node: neither a server nor a channel between processes. */
const PLAIN_SOCKET = 0;

/**
 * An epoll instance on the event loop, by way of a stream handle of Node: `listener` is called when it
 * becomes readable, and again in each turn as long as it is.
 *
 * An epoll instance cannot be read, so libuv's attempt fails as soon as there is something to tell,
 * and stops there. Opening the handle anew arms it for the next time. Node knows of such a handle that
 * its thread may be terminated at any moment; decision 12 says what else was tried.
 */
export class EventLoopHandle {
  readonly #handle: StreamHandle;
  #open = true;

  /**
   * @param fd an epoll instance. It is Node's from now on, which closes it with this handle, or when the
   *   thread ends.
   * @param onFailure gets `-errno`, once, if the instance cannot be watched any more.
   * @throws if this Node has no such handles.
   */
  constructor(fd: number, listener: () => void, onFailure: (errno: number) => void) {
    Handle ??= streamHandleClass();
    this.#handle = new Handle(PLAIN_SOCKET);
    this.#handle.onread = () => {
      listener();
      // Not here: libuv has not finished with the failed attempt.
      clock.setImmediate(() => {
        const failure = this.#arm(fd);
        if (failure < 0) onFailure(failure);
      });
    };
    const failure = this.#arm(fd);
    if (failure < 0) throw new Error(`Node cannot watch descriptor ${fd}: ${failure}`);
    this.#handle.unref();
  }

  /** Whether it keeps the event loop alive; it does not to begin with. */
  keepAlive(on: boolean): void {
    if (on) this.#handle.ref();
    else this.#handle.unref();
  }

  /** Ends it, and closes the descriptor. */
  close(): void {
    this.#open = false;
    this.#handle.close();
  }

  /** 0 or `-errno`. */
  #arm(fd: number): number {
    return this.#open ? this.#handle.open(fd) || this.#handle.readStart() : 0;
  }
}

let Handle: StreamHandleClass | undefined;

/** Node does not export the class, but every Unix socket of `node:net` has one of these. */
function streamHandleClass(): StreamHandleClass {
  const socket = new Socket();
  socket.on('error', () => {
    // Nothing is meant to be connected.
  });
  socket.connect({ path: '/proc/self/no-such-socket' });
  const { _handle: handle } = socket as unknown as {
    _handle?: { constructor: StreamHandleClass } | null;
  };
  socket.destroy();
  if (!handle) throw new Error('this Node has no stream handles behind its sockets');
  return handle.constructor;
}
