import type { LinuxCalls } from '@pageferry/linux';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const NONBLOCK = 0o4000;
const EAGAIN = 11;
const POLLIN = 1;
const POLLOUT = 4;
const RDHUP = 0x2000;
const OVER: number = RDHUP | 0x10; // POLLHUP

/** What one recvmsg(2) has taken. The descriptors are the caller's. */
export interface Received {
  readonly bytes: Buffer;
  readonly descriptors: readonly number[];
}

/** A Unix socket by its number, and the calls on it: non-blocking, and nothing checked. */
export class RawSocket {
  readonly #calls: LinuxCalls;
  readonly fd: number;

  private constructor(calls: LinuxCalls, fd: number) {
    this.#calls = calls;
    this.fd = fd;
  }

  /** @param isStream whether it is a stream, or keeps message boundaries. */
  static open(calls: LinuxCalls, isStream: boolean): RawSocket {
    const fd = calls.socket(AF_UNIX, (isStream ? SOCK_STREAM : SOCK_SEQPACKET) | NONBLOCK, 0);
    if (fd < 0) throw new Error(`socket: ${fd}`);
    return new RawSocket(calls, fd);
  }

  /** Connects to whoever listens at `path`; `undefined` if nobody does, or its backlog is full. */
  static connect(calls: LinuxCalls, path: string, isStream: boolean): RawSocket | undefined {
    const socket = RawSocket.open(calls, isStream);
    if (calls.connectUnix(socket.fd, path) === 0) return socket;
    socket.close();
    return undefined;
  }

  /** Listens at `path`, where nothing may be yet. */
  static listen(calls: LinuxCalls, path: string, isStream: boolean): RawSocket {
    const socket = RawSocket.open(calls, isStream);
    const failed = calls.bindUnix(socket.fd, path) || calls.listen(socket.fd, 128);
    if (failed !== 0) throw new Error(`bind or listen: ${failed}`);
    return socket;
  }

  /** The next one who has connected, if anybody has within so many milliseconds. */
  accept(timeout: number): RawSocket | undefined {
    if (this.#calls.poll(this.fd, POLLIN, timeout) <= 0) return undefined;
    const fd = this.#calls.accept4(this.fd, NONBLOCK);
    return fd < 0 ? undefined : new RawSocket(this.#calls, fd);
  }

  /** Sends one record, or bytes of a stream. Returns how many went, or `-errno`. */
  send(bytes: Uint8Array, descriptors: readonly number[] = []): number {
    const numbers = Int32Array.from(descriptors);
    return this.#calls.sendmsg(this.fd, bytes, 0, bytes.length, numbers, numbers.length, 0);
  }

  /**
   * Takes one record, or what has come of a stream.
   *
   * @returns `'end'` if the other side has hung up, `undefined` if nothing comes within `timeout` milliseconds.
   */
  receive(timeout: number, maxBytes = 65_536): Received | 'end' | undefined {
    if (timeout > 0 && this.#calls.poll(this.fd, POLLIN, timeout) <= 0) return undefined;
    const bytes = Buffer.allocUnsafe(maxBytes);
    const numbers = new Int32Array(64);
    const info = new Int32Array(5);
    const count = this.#calls.recvmsg(this.fd, bytes, 0, maxBytes, numbers, info, 0);
    if (count === -EAGAIN) return undefined;
    const descriptors = Array.from(numbers.subarray(0, info[0]));
    if (count < 0 || (count === 0 && descriptors.length === 0)) return 'end';
    return { bytes: bytes.subarray(0, count), descriptors };
  }

  /** Whether the other side has hung up, or sends nothing more; looks for it for so many milliseconds. */
  isOver(milliseconds = 0): boolean {
    const result = this.#calls.poll(this.fd, RDHUP, milliseconds);
    return result > 0 && (result & OVER) !== 0;
  }

  /** Has `keepUp` be called every millisecond, for so many of them or until the other side has hung up. */
  settle(milliseconds: number, keepUp: () => void): void {
    const end = performance.now() + milliseconds;
    do keepUp();
    while (performance.now() < end && !this.isOver(1));
  }

  /** Waits until it takes something, for so many milliseconds. False if it does not. */
  waitForRoom(timeout: number): boolean {
    return (this.#calls.poll(this.fd, POLLOUT, timeout) & POLLOUT) !== 0;
  }

  /** Hangs up. */
  close(): void {
    this.#calls.close(this.fd);
  }
}
