import { constants } from 'node:buffer';
import { EBUSY, EINVAL, ENOMEM, EOPNOTSUPP } from '@pageferry/linux';
import { lieWithin } from '../calls/arguments.js';
import type { Errno } from '../calls/errno.js';
import type { Driver, NativeFunction } from '../drivers/driver.js';
import { detachBuffer } from './detach.js';

/** One range of mapped memory. */
export interface Mapping {
  readonly address: bigint;
  readonly byteLength: number;
  /**
   * The buffers over parts of it that have not been detached. Held strongly: what became of one that
   * was collected could not be told.
   */
  readonly aliases: Set<ArrayBuffer>;
  /** Calls on other threads that use the memory now. */
  pins: number;
  /** To be unmapped as soon as no such call uses it. */
  ended: boolean;
  /** A program has moved the memory on to a buffer that nobody here knows. It stays mapped. */
  moved: boolean;
}

/**
 * The mappings of one thread, by the buffer that spans them.
 *
 * A foreign function interface makes buffers that own nothing, and nobody is told when the last
 * buffer over a piece of memory is gone: a program may have moved it on (`ArrayBuffer.transfer`, a
 * stream). So memory is unmapped by `munmap` alone, and never where it might still be seen.
 */
export class MappingTable {
  readonly #driver: Driver;
  readonly #errno: Errno;
  readonly #munmap: NativeFunction<number>;
  readonly #mappings = new WeakMap<ArrayBufferLike, Mapping>();
  readonly #mappingOfAlias = new WeakMap<ArrayBufferLike, Mapping>();

  constructor(driver: Driver, errno: Errno) {
    this.#driver = driver;
    this.#errno = errno;
    this.#munmap = driver.declare('munmap', 'int', ['pointer', 'wide']);
  }

  /** Puts a buffer over fresh memory, or unmaps it again and answers `-errno`. */
  add(address: bigint, byteLength: number): ArrayBuffer | number {
    const mapping: Mapping = {
      address,
      byteLength,
      aliases: new Set(),
      pins: 0,
      ended: false,
      moved: false,
    };
    const buffer = this.#view(address, byteLength);
    if (typeof buffer === 'number') this.#end(mapping);
    else this.#mappings.set(buffer, mapping);
    return buffer;
  }

  /** The live mapping that `buffer` spans. */
  find(buffer: ArrayBuffer): Mapping | undefined {
    return buffer.byteLength > 0 ? this.#mappings.get(buffer) : undefined;
  }

  /** Detaches the buffer and its aliases, and unmaps the memory: now, or when its last user is done. */
  remove(buffer: ArrayBuffer): number {
    const mapping = this.find(buffer);
    if (mapping === undefined) return -EINVAL;
    detachBuffer(buffer);
    if (buffer.byteLength > 0) return -EBUSY;
    this.#mappings.delete(buffer);
    for (const alias of mapping.aliases) this.detachAlias(alias);
    return this.#end(mapping);
  }

  /** A second buffer over part of a live mapping. */
  alias(parent: ArrayBuffer, offset: number, byteLength: number): ArrayBuffer | number {
    const mapping = this.find(parent);
    if (mapping === undefined || !lieWithin(mapping.byteLength, offset, byteLength)) return -EINVAL;
    const alias =
      byteLength === 0
        ? new ArrayBuffer(0)
        : this.#view(mapping.address + BigInt(offset), byteLength);
    if (typeof alias === 'number') return alias;
    // Where nothing can be seen there is nothing to take away.
    if (byteLength > 0) mapping.aliases.add(alias);
    this.#mappingOfAlias.set(alias, mapping);
    return alias;
  }

  /** Detaches a buffer that {@link alias} made. */
  detachAlias(alias: ArrayBuffer): number {
    const mapping = this.#mappingOfAlias.get(alias);
    if (mapping === undefined) return -EINVAL;
    this.#mappingOfAlias.delete(alias);
    if (!mapping.aliases.delete(alias)) return 0;
    if (alias.byteLength === 0) {
      mapping.moved = true;
      return -EINVAL;
    }
    detachBuffer(alias);
    return 0;
  }

  /**
   * Keeps the mapping that `buffer` lies in mapped while a call on another thread uses it. Returns
   * what ends that; does nothing for other memory.
   */
  pin(buffer: ArrayBufferLike): () => void {
    const mapping = this.#mappings.get(buffer) ?? this.#mappingOfAlias.get(buffer);
    if (mapping === undefined) return () => {};
    mapping.pins++;
    return () => {
      mapping.pins--;
      if (mapping.ended) this.#end(mapping);
    };
  }

  #end(mapping: Mapping): number {
    mapping.ended = true;
    if (mapping.moved || mapping.pins > 0) return 0;
    const length = this.#driver.wide(mapping.byteLength);
    return this.#errno.once(() => this.#munmap(mapping.address, length));
  }

  #view(address: bigint, byteLength: number): ArrayBuffer | number {
    // Asked for more than the engine takes, koffi ends the process.
    if (byteLength > constants.MAX_LENGTH) return -ENOMEM;
    try {
      return this.#driver.view(address, byteLength);
    } catch {
      // Runtimes with a memory cage (Electron) refuse foreign memory.
      return -EOPNOTSUPP;
    }
  }
}
