import { memoryOf } from '@pageferry/core';
import {
  EAGAIN,
  EMFILE,
  ENFILE,
  ENOBUFS,
  ENOMEM,
  ETOOMANYREFS,
  type LinuxCalls,
  MSG_DONTWAIT,
  type OwnedFd,
} from '@pageferry/linux';
import { closeAll } from './parcel.js';

/** What is missing then may be there again later, and poll(2) does not tell when. */
const SHORTAGES = new Set([EMFILE, ENFILE, ENOBUFS, ENOMEM, ETOOMANYREFS].map((errno) => -errno));

/** What a stream takes at once, in bytes: its socket's buffer has no more room anyway. */
const PIECE = 1 << 20;

/** One write on its way. */
export class Outgoing {
  readonly #calls: LinuxCalls;
  readonly #bytes: Buffer;
  /** `undefined` if the bytes were gone before it was their turn. */
  readonly #byteLength: number | undefined;
  #fds: readonly OwnedFd[];
  #offset = 0;

  /** @param fds are this object's from now on. */
  constructor(calls: LinuxCalls, bytes: Buffer, fds: readonly OwnedFd[]) {
    this.#calls = calls;
    this.#bytes = bytes;
    this.#byteLength = memoryOf(bytes)?.byteLength;
    this.#fds = fds;
  }

  /**
   * Sends as much as there is room for. Descriptors go with the first byte.
   *
   * @returns `'sent'` once all is; `'room'` to go on when there is room, `'time'` to go on later; `'gone'` if the bytes are not
   *   there any more; or `-errno`.
   */
  send(socket: number, isStream: boolean): 'sent' | 'room' | 'time' | 'gone' | number {
    if (this.#byteLength !== this.#bytes.length) return 'gone';
    while (this.#offset < this.#byteLength) {
      const left = this.#byteLength - this.#offset;
      const numbers = Int32Array.from(this.#fds, (each) => each.fd);
      const sent = this.#calls.sendmsg(
        socket,
        this.#bytes,
        this.#offset,
        isStream ? Math.min(left, PIECE) : left,
        numbers,
        numbers.length,
        MSG_DONTWAIT,
      );
      if (sent === -EAGAIN) return 'room';
      if (SHORTAGES.has(sent)) return 'time';
      if (sent < 0) return sent;
      this.#offset += sent;
      this.close();
    }
    return 'sent';
  }

  /** Closes the descriptors that have not been sent. */
  close(): void {
    closeAll(this.#fds);
    this.#fds = [];
  }
}
