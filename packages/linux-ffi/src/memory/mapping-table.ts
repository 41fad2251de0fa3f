import { constants } from 'node:buffer';
import { EBUSY, EFAULT, EINVAL, ENOMEM, EOPNOTSUPP } from '@pageferry/linux';
import { lieWithin } from '../calls/arguments.js';
import type { Errno } from '../calls/errno.js';
import type { Driver, NativeFunction } from '../drivers/driver.js';
import { detachBuffer } from './detach.js';
import type { Replacement } from './replacement.js';

/** No part of a mapping. */
export const NOTHING: Float64Array = new Float64Array(0);

/** One range of mapped memory. */
export interface Mapping {
  readonly address: bigint;
  readonly byteLength: number;
  /** A program has seen part of it: its addresses stay valid for ever. */
  seen: boolean;
  /** Buffers over parts of it that are not garbage. */
  aliases: number;
  /** Calls on other threads that use the memory now. */
  pins: number;
  /** To be given up as soon as no such call uses it, but for these parts, or not before the buffers. */
  kept: Float64Array | 'all' | undefined;
}

/** What a buffer was made over. */
interface Alias {
  readonly mapping: Mapping;
  readonly byteLength: number;
}

/**
 * The mappings of one thread, by the buffer that stands for them.
 *
 * A foreign function interface makes buffers that own nothing, and nobody is told when the last
 * buffer over a piece of memory is gone: a program may have moved it on (`ArrayBuffer.transfer`, a
 * stream). So memory is unmapped by `munmap` alone, and where a program has seen it private pages take
 * its place instead.
 */
export class MappingTable {
  readonly #driver: Driver;
  readonly #errno: Errno;
  readonly #munmap: NativeFunction<number>;
  readonly #replacement: Replacement;
  readonly #mappings = new WeakMap<ArrayBufferLike, Mapping>();
  readonly #garbage = new FinalizationRegistry((mapping: Mapping) => this.#forget(mapping));
  readonly #aliases = new WeakMap<ArrayBufferLike, Alias>();

  constructor(
    driver: Driver,
    errno: Errno,
    munmap: NativeFunction<number>,
    replacement: Replacement,
  ) {
    this.#driver = driver;
    this.#errno = errno;
    this.#munmap = munmap;
    this.#replacement = replacement;
  }

  /** Puts a buffer over the first bytes of fresh memory, or unmaps it again and answers `-errno`. */
  add(address: bigint, byteLength: number, shown: number): ArrayBuffer | number {
    const mapping: Mapping = {
      address,
      byteLength,
      seen: false,
      aliases: 0,
      pins: 0,
      kept: undefined,
    };
    const buffer = this.#view(address, shown);
    if (typeof buffer === 'number') this.#end(mapping);
    else this.#mappings.set(buffer, mapping);
    return buffer;
  }

  /** The live mapping that `buffer` stands for. */
  find(buffer: ArrayBuffer): Mapping | undefined {
    return buffer.byteLength > 0 ? this.#mappings.get(buffer) : undefined;
  }

  /** Detaches the buffer, and gives the memory up: now, or when its last user is done. */
  remove(buffer: ArrayBuffer, kept: Float64Array): number {
    const mapping = this.find(buffer);
    if (mapping === undefined) return -EINVAL;
    for (let index = 0; index + 1 < kept.length; index += 2) {
      const offset = kept[index] as number;
      const length = kept[index + 1] as number;
      if (!lieWithin(mapping.byteLength, offset, length)) return -EFAULT;
    }
    return this.#take(buffer, mapping, kept);
  }

  /** Detaches the buffer, and gives the memory up when no buffer over a part of it is left. */
  removeLater(buffer: ArrayBuffer): number {
    const mapping = this.find(buffer);
    return mapping === undefined ? -EINVAL : this.#take(buffer, mapping, 'all');
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
    if (byteLength > 0) {
      mapping.seen = true;
      mapping.aliases++;
      this.#garbage.register(alias, mapping);
    }
    this.#aliases.set(alias, { mapping, byteLength });
    return alias;
  }

  /** Detaches a buffer that {@link alias} made. */
  detachAlias(alias: ArrayBuffer): number {
    const made = this.#aliases.get(alias);
    // A program may have moved it on. An empty one always looks like that.
    if (made === undefined || (alias.byteLength === 0 && made.byteLength > 0)) return -EINVAL;
    if (!detachBuffer(alias)) return -EBUSY;
    this.#aliases.delete(alias);
    return 0;
  }

  /**
   * Keeps the mapping that `buffer` lies in mapped while a call on another thread uses it. Returns
   * what ends that; does nothing for other memory.
   */
  pin(buffer: ArrayBufferLike): () => void {
    const mapping = this.#mappings.get(buffer) ?? this.#aliases.get(buffer)?.mapping;
    if (mapping === undefined) return () => {};
    mapping.pins++;
    return () => {
      mapping.pins--;
      if (mapping.pins === 0 && mapping.kept !== undefined) this.#end(mapping);
    };
  }

  #take(buffer: ArrayBuffer, mapping: Mapping, kept: Float64Array | 'all'): number {
    if (!detachBuffer(buffer)) return -EBUSY;
    this.#mappings.delete(buffer);
    mapping.kept = kept;
    return mapping.pins > 0 ? 0 : this.#end(mapping);
  }

  /** A buffer is garbage. Its memory may have been moved on, so that the addresses stay. */
  #forget(mapping: Mapping): void {
    mapping.aliases--;
    if (mapping.aliases > 0 || mapping.kept === undefined) return;
    mapping.kept = NOTHING;
    if (mapping.pins === 0) this.#end(mapping);
  }

  #end(mapping: Mapping): number {
    const { kept = NOTHING } = mapping;
    if (mapping.seen) {
      if (kept !== 'all' || mapping.aliases === 0) {
        this.#replacement.putPrivatePages(mapping, kept === 'all' ? NOTHING : kept);
      }
      return 0;
    }
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
