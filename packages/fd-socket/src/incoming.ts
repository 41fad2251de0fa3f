import { PageferryError, type PeerCredentials } from '@pageferry/core';
import {
  EAGAIN,
  type LinuxCalls,
  MAX_DESCRIPTORS_PER_MESSAGE,
  MESSAGE_FIELD,
  MSG_CTRUNC,
  MSG_DONTWAIT,
  MSG_TRUNC,
  OwnedFd,
  systemCallError,
  toCredentials,
} from '@pageferry/linux';
import type { SocketSettings } from './options.js';
import { closeAll } from './parcel.js';
import { ReceivedMessage } from './received-message.js';

/** Reads messages with their descriptors off a socket. */
export class Incoming {
  readonly #calls: LinuxCalls;
  readonly #settings: SocketSettings;
  readonly #numbers = new Int32Array(MAX_DESCRIPTORS_PER_MESSAGE);
  readonly #info = new Int32Array(5);
  #room: Buffer;

  constructor(calls: LinuxCalls, settings: SocketSettings) {
    this.#calls = calls;
    this.#settings = settings;
    this.#room = Buffer.allocUnsafeSlow(settings.maxReadBytes);
  }

  /**
   * Takes the next message: `undefined` if there is none now, `'end'` if the peer sends no more.
   *
   * @throws `SYSTEM_CALL_FAILED`, also for lost descriptors; `MESSAGE_TOO_LARGE`.
   */
  next(fd: number): ReceivedMessage | 'end' | undefined {
    const room = this.#room;
    const [numbers, info] = [this.#numbers, this.#info];
    const received = this.#calls.recvmsg(fd, room, 0, room.length, numbers, info, MSG_DONTWAIT);
    if (received === -EAGAIN) return undefined;
    if (received < 0) throw systemCallError('recvmsg', received);
    const count = info[MESSAGE_FIELD.descriptorCount] as number;
    if (received === 0 && count === 0) return 'end';
    const flags = info[MESSAGE_FIELD.flags] as number;
    const fds = Array.from(numbers.subarray(0, count), (each) => new OwnedFd(this.#calls, each));
    const fdsLost = (flags & MSG_CTRUNC) !== 0;
    const failure = this.#failureOf(fd, flags);
    if (failure !== undefined) {
      closeAll(fds);
      throw failure;
    }
    return new ReceivedMessage({
      data: this.#take(received),
      fds,
      fdsLost,
      credentials: this.#credentials(),
    });
  }

  #failureOf(fd: number, flags: number): PageferryError | undefined {
    if ((flags & MSG_TRUNC) !== 0) {
      const words = `a message has more than ${this.#settings.maxReadBytes} bytes (maxReadBytes)`;
      return new PageferryError('MESSAGE_TOO_LARGE', words);
    }
    if ((flags & MSG_CTRUNC) === 0 || this.#settings.tellsLostFds) return undefined;
    return this.#lossOf(fd);
  }

  /** Why descriptors are lost: there was room for as many as the kernel passes. */
  #lossOf(fd: number): PageferryError {
    const spare = this.#calls.duplicate(fd, 0);
    const words = 'descriptors of a message are lost, MSG_CTRUNC';
    if (spare < 0) return systemCallError('recvmsg', spare, words);
    this.#calls.close(spare);
    return new PageferryError('SYSTEM_CALL_FAILED', `recvmsg: ${words}: the kernel refused them`, {
      syscall: 'recvmsg',
    });
  }

  /** The bytes that were received, in memory of their own. */
  #take(byteLength: number): Buffer {
    const room = this.#room;
    if (byteLength <= room.length / 2) return Buffer.from(room.subarray(0, byteLength));
    this.#room = Buffer.allocUnsafeSlow(room.length);
    return room.subarray(0, byteLength);
  }

  #credentials(): PeerCredentials | undefined {
    if (!this.#settings.passCredentials) return undefined;
    return toCredentials(this.#info.subarray(MESSAGE_FIELD.pid));
  }
}
