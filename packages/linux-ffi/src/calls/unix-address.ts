import { AF_UNIX, EINVAL, ENAMETOOLONG } from '@pageferry/linux';
import type { Driver } from '../drivers/driver.js';
import { NativeBlock } from '../memory/native-block.js';

/** What `sun_path` holds beside the NUL that ends a path, or begins an abstract name, unix(7). */
const MAX_PATH_BYTES = 107;
/** Where it begins. */
const PATH_OFFSET = 2;

/** A `struct sockaddr_un`, used again for each call. */
export class UnixAddress {
  readonly #block: NativeBlock;

  constructor(driver: Driver) {
    this.#block = new NativeBlock(driver, PATH_OFFSET + MAX_PATH_BYTES + 1);
  }

  /** The address of the structure. */
  get pointer(): bigint {
    return this.#block.pointer;
  }

  /** Fills in an abstract name, without the NUL. Returns the length, or `-errno` for a name that cannot be one. */
  fillAbstract(name: string): number {
    const characters = Buffer.from(name);
    const { length } = characters;
    if (length > MAX_PATH_BYTES) return -ENAMETOOLONG;
    if (length === 0) return -EINVAL;
    this.#put(characters, PATH_OFFSET + 1);
    return PATH_OFFSET + 1 + length;
  }

  /** Fills in a path. Returns the length, or `-errno` for a path that cannot be one. */
  fill(path: string): number {
    const characters = Buffer.from(path);
    const { length } = characters;
    if (length > MAX_PATH_BYTES) return -ENAMETOOLONG;
    // A leading NUL would name an abstract socket, and so would no character at all.
    if (length === 0 || characters.includes(0)) return -EINVAL;
    this.#put(characters, PATH_OFFSET);
    return PATH_OFFSET + length + 1;
  }

  #put(characters: Uint8Array, at: number): void {
    const { bytes } = this.#block;
    bytes.fill(0);
    bytes[0] = AF_UNIX;
    bytes.set(characters, at);
  }
}
