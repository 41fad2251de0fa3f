import type { Driver } from '../drivers/driver.js';
import { NativeBlock } from '../memory/native-block.js';

/**
 * `struct msghdr` and `struct cmsghdr` (sendmsg(2), cmsg(3)), laid out by hand: as the kernel has them
 * on every 64-bit, little-endian Linux. musl declares two lengths as 32 bits and padding, which comes
 * to the same bytes.
 */
const HEADER = {
  vector: 16,
  vectorLength: 24,
  control: 32,
  controlLength: 40,
  flags: 48,
  size: 56,
};
const CONTROL = { length: 0, level: 8, type: 12, data: 16 };

/** What one control message takes up, `CMSG_SPACE`. */
export function controlSpace(dataBytes: number): number {
  return CONTROL.data + align(dataBytes);
}

function align(byteLength: number): number {
  return Math.ceil(byteLength / 8) * 8;
}

/** One control message that was received. Positions are indices of words of 32 bits. */
export interface ControlMessage {
  readonly level: number;
  readonly type: number;
  readonly words: Int32Array;
}

/** A message header with one iovec and room for control messages, used again for each message. */
export class MessageHeader {
  readonly #header: NativeBlock;
  readonly #control: NativeBlock;

  constructor(driver: Driver, controlBytes: number) {
    this.#header = new NativeBlock(driver, HEADER.size);
    this.#control = new NativeBlock(driver, controlBytes);
  }

  /** The address of the header. */
  get pointer(): bigint {
    return this.#header.pointer;
  }

  /** `msg_flags`, after a message was received. */
  get flags(): number {
    return this.#header.words[HEADER.flags / 4] as number;
  }

  /** Begins anew: one iovec, and `controlBytes` of the room for control messages. */
  prepare(iovec: bigint, controlBytes: number): void {
    this.#header.words.fill(0);
    this.#header.writeWide(HEADER.vector, Number(iovec));
    this.#header.writeWide(HEADER.vectorLength, 1);
    if (controlBytes === 0) return;
    this.#header.writeWide(HEADER.control, Number(this.#control.pointer));
    this.#header.writeWide(HEADER.controlLength, controlBytes);
  }

  /** The one control message to be sent, in the room that was prepared. */
  put(level: number, type: number, data: Int32Array): void {
    this.#control.writeWide(CONTROL.length, CONTROL.data + data.byteLength);
    this.#control.words[CONTROL.level / 4] = level;
    this.#control.words[CONTROL.type / 4] = type;
    this.#control.words.set(data, CONTROL.data / 4);
  }

  /** The control messages that were received. */
  *received(): Generator<ControlMessage> {
    const { words } = this.#control;
    // Both lengths are the kernel's, and small: their upper halves are 0.
    const end = this.#header.words[HEADER.controlLength / 4] as number;
    for (let at = 0; at + CONTROL.data <= end; ) {
      const length = words[(at + CONTROL.length) / 4] as number;
      if (length < CONTROL.data) return;
      yield {
        level: words[(at + CONTROL.level) / 4] as number,
        type: words[(at + CONTROL.type) / 4] as number,
        words: words.subarray((at + CONTROL.data) / 4, Math.floor((at + length) / 4)),
      };
      at += align(length);
    }
  }
}
