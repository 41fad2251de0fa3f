import {
  EFAULT,
  MAP_ANONYMOUS,
  MAP_NORESERVE,
  MAP_PRIVATE,
  PROT_READ,
  PROT_WRITE,
} from '@pageferry/linux';
import type { Errno } from '../calls/errno.js';
import { MAP_FAILED, MREMAP_FIXED, MREMAP_MAYMOVE } from '../calls/numbers.js';
import type { Driver, NativeFunction } from '../drivers/driver.js';

/** A range of mapped memory. */
interface Range {
  readonly address: bigint;
  readonly byteLength: number;
}

/** What it takes to map memory. */
export interface MapFunctions {
  readonly mmap: NativeFunction<bigint>;
  readonly munmap: NativeFunction<number>;
}

/**
 * Maps other memory where some is mapped already, at the same addresses and in one step: whoever reads
 * meanwhile finds the old pages or the new ones. Where the kernel refuses, the old ones stay.
 */
export class Replacement {
  readonly #driver: Driver;
  readonly #errno: Errno;
  readonly #map: MapFunctions;
  readonly #mremap: NativeFunction<bigint>;
  readonly #memcpy: NativeFunction<bigint>;

  constructor(driver: Driver, errno: Errno, map: MapFunctions) {
    this.#driver = driver;
    this.#errno = errno;
    this.#map = map;
    // Variadic in C, which makes no difference to integers: see `declareFcntl`.
    this.#mremap = driver.declare('mremap', 'pointer', [
      'pointer',
      'wide',
      'wide',
      'int',
      'pointer',
    ]);
    this.#memcpy = driver.declare('memcpy', 'pointer', ['pointer', 'pointer', 'wide']);
  }

  /** As mmap(2), over the first `byteLength` bytes of `range`: 0 or `-errno`. */
  replace(range: Range, byteLength: number, protection: number, flags: number, fd: number): number {
    if (byteLength > range.byteLength || byteLength < 0) return -EFAULT;
    const pages = this.#pages(byteLength, protection, flags, fd);
    return pages === MAP_FAILED ? -this.#errno.value : this.#move(pages, byteLength, range);
  }

  /**
   * Puts private pages, readable and writable, into the place of a mapping.
   *
   * @param kept pairs of offset and length of what is copied into them.
   */
  putPrivatePages(range: Range, kept: Float64Array): void {
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    const pages = this.#pages(range.byteLength, PROT_READ | PROT_WRITE, flags, -1);
    if (pages === MAP_FAILED) return;
    for (let index = 0; index + 1 < kept.length; index += 2) {
      const offset = BigInt(kept[index] as number);
      const length = this.#driver.wide(kept[index + 1] as number);
      this.#memcpy(pages + offset, range.address + offset, length);
    }
    this.#move(pages, range.byteLength, range);
  }

  #pages(byteLength: number, protection: number, flags: number, fd: number): bigint {
    const { wide } = this.#driver;
    return this.#map.mmap(0n, wide(byteLength), protection, flags, fd, wide(0));
  }

  #move(pages: bigint, byteLength: number, { address }: Range): number {
    const length = this.#driver.wide(byteLength);
    const moved = this.#mremap(pages, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, address);
    if (moved !== MAP_FAILED) return 0;
    const errno = this.#errno.value;
    this.#map.munmap(pages, length);
    return -errno;
  }
}
