import {
  type DescriptorWatcher,
  type LinuxCalls,
  POLLIN,
  type SocketMessage,
  UnixSocket,
  waitUntilReady,
} from '@pageferry/linux';

/** The next message of a socket; waits for it. */
export async function nextMessage(
  calls: LinuxCalls,
  socket: UnixSocket,
): Promise<SocketMessage | 'end'> {
  for (;;) {
    const message = socket.receive(256);
    if (message !== undefined) return message;
    await waitUntilReady(calls, socket.fd, POLLIN, 0);
  }
}

/** A program that listens at an endpoint and answers as the test likes. */
export class FakeSender implements Disposable {
  readonly #calls: LinuxCalls;
  readonly #listener: UnixSocket;
  readonly #accepted: UnixSocket[] = [];
  #watcher: DescriptorWatcher | undefined;
  /** How many receivers it has hung up on. */
  hungUpOn = 0;

  constructor(calls: LinuxCalls, path: string) {
    this.#calls = calls;
    this.#listener = UnixSocket.create(calls);
    calls.bindUnix(this.#listener.fd, path);
    calls.listen(this.#listener.fd, 16);
  }

  /** Waits for a receiver, and for what it says first. */
  async meet(): Promise<{ socket: UnixSocket; hello: SocketMessage | 'end' }> {
    await waitUntilReady(this.#calls, this.#listener.fd, POLLIN, 0);
    const socket = this.#listener.accept() as UnixSocket;
    this.#accepted.push(socket);
    return { socket, hello: await nextMessage(this.#calls, socket) };
  }

  /** From now on, closes every connection as soon as it stands. */
  hangUpOnEverybody(): void {
    const watcher = this.#calls.watch(this.#listener.fd, POLLIN, () => {
      this.#listener.accept()?.close();
      this.hungUpOn++;
    });
    if (typeof watcher === 'object') this.#watcher = watcher;
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
    for (const socket of this.#accepted) socket.close();
    this.#listener.close();
  }
}

/** Connects to an endpoint without a word. */
export function callAt(calls: LinuxCalls, path: string): UnixSocket {
  const socket = UnixSocket.create(calls);
  const result = calls.connectUnix(socket.fd, path);
  if (result < 0) throw new Error(`connect answered ${result}`);
  return socket;
}
