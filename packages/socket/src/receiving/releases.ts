import type { Socket } from 'node:net';
import { clock } from '@pageferry/core';
import { FRAME, FRAME_BYTES, MAX_FRAME_VALUE, writeFrame } from '../protocol/frame.js';

interface Run {
  readonly first: number;
  count: number;
}

/**
 * Tells the other side which messages this one is done with, and on a channel how much more may come. What is
 * said at a stretch, or while the other side does not listen, goes out together.
 */
export class Releases {
  readonly #socket: Socket;
  readonly #onTaken: (() => void) | undefined;
  #runs: Run[] = [];
  #credit = 0;
  #busy = false;

  /**
   * @param socket stays the caller's.
   * @param onTaken called when the socket has taken what was said: it may have been in the way of something else.
   */
  constructor(socket: Socket, onTaken?: () => void) {
    this.#socket = socket;
    this.#onTaken = onTaken;
  }

  /** Releases a message. The other side learns of it soon. */
  add(sequence: number): void {
    const last = this.#runs.at(-1);
    if (
      last !== undefined &&
      sequence === last.first + last.count &&
      last.count < MAX_FRAME_VALUE
    ) {
      last.count++;
    } else {
      this.#runs.push({ first: sequence, count: 1 });
    }
    this.#sendSoon();
  }

  /** Lets so many bytes more come. The other side learns of it soon. */
  grant(byteLength: number): void {
    this.#credit += byteLength;
    this.#sendSoon();
  }

  #sendSoon(): void {
    if (this.#busy) return;
    this.#busy = true;
    clock.nextTick(this.#send);
  }

  readonly #send = (): void => {
    const runs = this.#runs;
    const credit = this.#credit;
    const frames = runs.length + (credit > 0 ? 1 : 0);
    this.#busy = frames > 0 && this.#socket.writable;
    if (!this.#busy) return;
    this.#runs = [];
    this.#credit = 0;
    const bytes = Buffer.allocUnsafe(frames * FRAME_BYTES);
    for (const [index, { first, count }] of runs.entries()) {
      writeFrame(bytes, index * FRAME_BYTES, FRAME.release, count, first);
    }
    if (credit > 0) writeFrame(bytes, runs.length * FRAME_BYTES, FRAME.credit, credit, 0);
    this.#socket.write(bytes, () => {
      this.#onTaken?.();
      this.#send();
    });
  };
}
