import { BufferPool, type OwnBuffer } from '@pageferry/core';

/** How much memory to keep. A receiver reads 4 MiB ahead, and as much is on its way when it stops. */
const KEPT_BYTES = 8 * 1024 * 1024;

/** What the client's parser puts a message together in that arrives in parts. */
export interface MessageBuffer {
  /** How many bytes of the message are here. */
  readonly length: number;
  /** All of them. */
  bytes(options: { readonly copy: false }): Uint8Array;
  write(bytes: Uint8Array): void;
  writeByte(byte: number): void;
}

/**
 * Memory that longer messages arrive in, and that is used again. With new memory for each of them V8 would look through its
 * whole heap every few megabytes: decision 66 has the figures.
 */
export class Arrivals {
  readonly #pool = new BufferPool(KEPT_BYTES);
  #out = new WeakMap<ArrayBufferLike, OwnBuffer>();

  /**
   * Memory for a message.
   *
   * @param begun its first bytes.
   * @throws `SYSTEM_CALL_FAILED` when memory is short.
   */
  take(byteLength: number, begun: Uint8Array): MessageBuffer {
    const memory = this.#pool.take(byteLength);
    this.#out.set(memory.buffer, memory);
    let length = 0;
    const write = (bytes: Uint8Array): void => {
      memory.set(bytes, length);
      length += bytes.length;
    };
    write(begun);
    return {
      get length() {
        return length;
      },
      bytes: () => memory.subarray(0, length),
      write,
      writeByte: (byte) => write(Uint8Array.of(byte)),
    };
  }

  /** Takes the memory of a message back, once nobody reads it any more. Does nothing if it is the client's own. */
  giveBack({ buffer }: Uint8Array): void {
    const memory = this.#out.get(buffer);
    if (memory === undefined) return;
    this.#out.delete(buffer);
    this.#pool.giveBack(memory);
  }

  /** Lets go of what is kept, and takes nothing back any more of what is out. */
  clear(): void {
    this.#pool.clear();
    this.#out = new WeakMap();
  }
}
