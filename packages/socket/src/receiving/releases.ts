import type { Socket } from 'node:net';
import { clock } from '@pageferry/core';
import { FRAME, FRAME_BYTES, MAX_FRAME_VALUE, writeFrame } from '../protocol/frame.js';

interface Run {
  readonly first: number;
  count: number;
}

/**
 * Tells the sender which messages the receiver is done with. What is released at a stretch, or while
 * the sender does not listen, goes out together.
 */
export class Releases {
  readonly #socket: Socket;
  #runs: Run[] = [];
  #busy = false;

  /** @param socket stays the caller's. */
  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Releases a message. The sender learns of it soon. */
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
    if (this.#busy) return;
    this.#busy = true;
    clock.nextTick(this.#send);
  }

  readonly #send = (): void => {
    this.#busy = this.#runs.length > 0 && this.#socket.writable;
    if (!this.#busy) return;
    const runs = this.#runs;
    this.#runs = [];
    const bytes = Buffer.allocUnsafe(runs.length * FRAME_BYTES);
    for (const [index, { first, count }] of runs.entries()) {
      writeFrame(bytes, index * FRAME_BYTES, FRAME.release, count, first);
    }
    this.#socket.write(bytes, this.#send);
  };
}
