import { Duplex } from 'node:stream';
import { clock, invalidArgument, PageferryError, type PeerCredentials } from '@pageferry/core';
import {
  checkResult,
  type DescriptorWatcher,
  ENOTCONN,
  type LinuxCalls,
  type OwnedFd,
  POLLIN,
  POLLOUT,
  SHUT_WR,
  SOCK_STREAM,
  systemCallError,
  toCredentials,
} from '@pageferry/linux';
import { Incoming } from './incoming.js';
import type { SocketSettings } from './options.js';
import { Outgoing } from './outgoing.js';
import { closeAll, duplicateAll, type OutgoingMessage, toParcel } from './parcel.js';
import type { ReceivedMessage } from './received-message.js';
import { UnclaimedMessages } from './unclaimed-messages.js';

/** How many messages are read in one turn of the event loop. */
const READS_PER_TURN = 32;
/** How long a write waits for memory or descriptors that are missing, in milliseconds. */
const SHORTAGE_PAUSE = 10;

type Done = (error?: Error | null) => void;

/** A write that waits. */
interface Waiting {
  readonly outgoing: Outgoing;
  readonly done: Done;
}

/**
 * A connected Unix socket that carries descriptors, as a Duplex: `write` takes strings, bytes and
 * {@link OutgoingMessage}s, and each chunk that is read is a {@link ReceivedMessage}. Non-blocking and close-on-exec.
 *
 * On a stream socket bytes may arrive in other pieces than they were written in. Descriptors arrive with the piece that
 * has the first byte of their write. Bytes that were written before may be in the same piece, bytes that were written
 * after it are not.
 *
 * Its errors are `PageferryError`s: `SYSTEM_CALL_FAILED` (`EPIPE`, `ECONNRESET`, `EMSGSIZE`, …) and
 * `MESSAGE_TOO_LARGE`.
 */
export class FdSocket extends Duplex {
  /** `'stream'`, or `'seqpacket'`, which keeps each write one message. */
  readonly type: 'stream' | 'seqpacket';
  /**
   * Who has connected, or listened (`SO_PEERCRED`, unix(7)); of a pair, who has made it. `undefined` for somebody of
   * whom the kernel can tell nothing here.
   */
  readonly peer: PeerCredentials | undefined;
  readonly #calls: LinuxCalls;
  readonly #socket: OwnedFd;
  readonly #watcher: DescriptorWatcher;
  readonly #incoming: Incoming;
  readonly #unclaimed = new UnclaimedMessages();
  /** Descriptors that were written, by the chunk that they go with. */
  readonly #attached = new Map<Buffer, readonly OwnedFd[]>();
  #waiting: Waiting | undefined;
  /** Why nothing is sent any more. */
  #failure: PageferryError | null = null;
  #pause: NodeJS.Timeout | undefined;
  #reading = false;
  #watched = 0;
  /** How many `for await` loops read this socket. */
  #loops = 0;

  /**
   * @internal
   * @param socket connected; this object's from now on, also if it throws.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  constructor(calls: LinuxCalls, socket: OwnedFd, settings: SocketSettings) {
    super({ allowHalfOpen: settings.allowHalfOpen, readableObjectMode: true });
    this.#calls = calls;
    this.#socket = socket;
    this.#incoming = new Incoming(calls, settings);
    try {
      const type = checkResult(calls.getSocketType(socket.fd), 'getsockopt', 'SO_TYPE');
      this.type = type === SOCK_STREAM ? 'stream' : 'seqpacket';
      const fields = new Int32Array(3);
      const result = calls.getPeerCredentials(socket.fd, fields);
      checkResult(result, 'getsockopt', 'SO_PEERCRED');
      this.peer = toCredentials(fields);
      if (settings.passCredentials) {
        checkResult(calls.setPassCredentials(socket.fd, true), 'setsockopt', 'SO_PASSCRED');
      }
      const watcher = calls.watch(socket.fd, 0, (error, events) => this.#onReady(error, events));
      if (typeof watcher === 'number') throw systemCallError('epoll_ctl', watcher);
      this.#watcher = watcher;
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  /** The socket's own descriptor, for getsockopt(2) and the like. It stays the socket's. @throws `CLOSED` once destroyed. */
  get fd(): number {
    return this.#socket.fd;
  }

  /**
   * As `Writable.write`, for descriptors as well. They are duplicated at once: the caller's are the caller's to close.
   * The duplicates are closed once they are sent, or the socket is destroyed.
   *
   * @throws `INVALID_ARGUMENT`; `BYTES_DETACHED` for bytes that are not there any more; `SYSTEM_CALL_FAILED` (`EBADF`,
   *   `EMFILE`) if a descriptor cannot be duplicated. Nothing was written then, and the socket goes on. Bytes
   *   that are gone before they have left destroy it with `BYTES_DETACHED`.
   */
  override write(chunk: string | Uint8Array | OutgoingMessage, callback?: Done): boolean;
  override write(
    chunk: string | Uint8Array | OutgoingMessage,
    encoding: BufferEncoding,
    callback?: Done,
  ): boolean;
  override write(
    chunk: string | Uint8Array | OutgoingMessage,
    encoding?: BufferEncoding | Done,
    callback?: Done,
  ): boolean {
    const done = typeof encoding === 'function' ? encoding : callback;
    const { bytes, fds } = toParcel(chunk, typeof encoding === 'string' ? encoding : 'utf8');
    if (this.type === 'seqpacket' && bytes.length === 0) {
      throw invalidArgument(
        'data',
        chunk,
        'at least one byte: an empty message looks like the end',
      );
    }
    // What will be refused does not come to `_write`, which is who takes the descriptors.
    if (fds.length > 0 && this.writable) this.#attached.set(bytes, duplicateAll(this.#calls, fds));
    return super.write(bytes, done as Done);
  }

  /** As `Writable.end`, whose last chunk may have descriptors, too. */
  override end(callback?: () => void): this;
  override end(chunk: string | Uint8Array | OutgoingMessage, callback?: () => void): this;
  override end(
    chunk: string | Uint8Array | OutgoingMessage,
    encoding?: BufferEncoding,
    callback?: () => void,
  ): this;
  override end(
    chunk?: string | Uint8Array | OutgoingMessage | (() => void) | null,
    encoding?: BufferEncoding | (() => void),
    callback?: () => void,
  ): this {
    const done = [chunk, encoding, callback].find((each) => typeof each === 'function');
    if (chunk !== undefined && chunk !== null && typeof chunk !== 'function') {
      this.write(chunk, typeof encoding === 'string' ? encoding : 'utf8');
    }
    return super.end(done as () => void);
  }

  /** As of `Readable`. A message's descriptors can be taken until the loop asks for the next one. */
  override async *[Symbol.asyncIterator](): AsyncGenerator<ReceivedMessage, undefined> {
    this.#loops++;
    try {
      for await (const message of { [Symbol.asyncIterator]: () => super[Symbol.asyncIterator]() }) {
        yield message;
      }
      return undefined;
    } finally {
      this.#loops--;
      if (this.destroyed && this.#loops === 0) this.#unclaimed.close();
    }
  }

  /** Lets the socket keep the process alive while it waits (the default). */
  ref(): this {
    this.#watcher.ref();
    return this;
  }

  /** Stops the socket from keeping the process alive. */
  unref(): this {
    this.#watcher.unref();
    return this;
  }

  /** For `Readable` alone: asks for the next message. */
  override _read(): void {
    this.#reading = true;
    this.#watch();
  }

  /** For `Writable` alone: sends one chunk, with the descriptors that {@link write} has put aside for it. */
  override _write(bytes: Buffer, _encoding: BufferEncoding, done: Done): void {
    const fds = this.#attached.get(bytes) ?? [];
    this.#attached.delete(bytes);
    // Node goes on with what is buffered when a write fails at once, and destroys the stream afterwards.
    if (this.#failure !== null) {
      closeAll(fds);
      done(this.#failure);
      return;
    }
    this.#waiting = { outgoing: new Outgoing(this.#calls, bytes, fds), done };
    this.#send();
  }

  /** For `Writable` alone: ends the sending half (shutdown(2)). */
  override _final(done: Done): void {
    const result = this.#calls.shutdown(this.fd, SHUT_WR);
    done(result < 0 && result !== -ENOTCONN ? systemCallError('shutdown', result) : null);
  }

  /** For `Duplex` alone: closes the socket, and every descriptor that is not sent, or not taken. */
  override _destroy(error: Error | null, done: Done): void {
    clock.clearTimeout(this.#pause);
    this.#watcher.close();
    this.#socket.close();
    this.#waiting?.outgoing.close();
    this.#waiting = undefined;
    for (const fds of this.#attached.values()) closeAll(fds);
    this.#attached.clear();
    // A loop may be at work on the message that was read last: Node destroys a stream as soon as its end is read.
    if (this.#loops > 0) this.#unclaimed.closeOthers(this.readableLength);
    else this.#unclaimed.close();
    done(error);
  }

  #onReady(error: number, events: number): void {
    if (error < 0) {
      this.destroy(systemCallError('epoll_wait', error));
      return;
    }
    // Hung up, or failed: both calls tell more.
    const other = (events & ~(POLLIN | POLLOUT)) !== 0;
    if (this.#reading && (other || (events & POLLIN) !== 0)) this.#receive();
    if (!this.destroyed && (other || (events & POLLOUT) !== 0)) this.#send();
    this.#watch();
  }

  #receive(): void {
    try {
      for (let count = 0; count < READS_PER_TURN && this.#reading; count++) {
        const message = this.#incoming.next(this.fd);
        if (message === undefined) return;
        if (message === 'end') {
          this.#reading = false;
          this.push(null);
          return;
        }
        this.#unclaimed.add(message, this.readableLength);
        // Before the push, in which somebody may ask for more.
        this.#reading = false;
        if (this.push(message)) this.#reading = true;
        if (this.destroyed) return;
      }
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  #send(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || this.#pause !== undefined) return;
    const result = waiting.outgoing.send(this.fd, this.type === 'stream');
    if (result === 'room') {
      this.#watch();
    } else if (result === 'time') {
      this.#pause = clock.setTimeout(() => {
        this.#pause = undefined;
        this.#send();
      }, SHORTAGE_PAUSE);
      this.#watch();
    } else {
      this.#waiting = undefined;
      waiting.outgoing.close();
      this.#failure = failureOf(result);
      waiting.done(this.#failure);
    }
  }

  /** Watches for what is waited for, and nothing else: who has hung up is told of for ever. */
  #watch(): void {
    if (this.destroyed) return;
    const writing = this.#waiting !== undefined && this.#pause === undefined;
    const events = (this.#reading ? POLLIN : 0) | (writing ? POLLOUT : 0);
    if (events === this.#watched) return;
    this.#watched = events;
    const result = this.#watcher.update(events);
    if (result < 0) this.destroy(systemCallError('epoll_ctl', result));
  }
}

/** What became of a write; `null` if all of it was sent. */
function failureOf(result: 'sent' | 'gone' | number): PageferryError | null {
  if (result === 'sent') return null;
  if (result !== 'gone') return systemCallError('sendmsg', result);
  return new PageferryError(
    'BYTES_DETACHED',
    'the memory of what was written was transferred, or became shorter, before all of it had left. Leave it as it is until the ' +
      'callback of write, or pass a copy',
  );
}
