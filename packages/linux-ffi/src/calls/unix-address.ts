import { AF_UNIX, EINVAL, ENAMETOOLONG } from '@pageferry/linux';
import type { Driver } from '../drivers/driver.js';
import { NativeBlock } from '../memory/native-block.js';

/** What `sun_path` holds beside the terminating NUL, unix(7). */
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

  /** Fills it in. Returns its length, or `-errno` for a path that cannot be one. */
  fill(path: string): number {
    const characters = Buffer.from(path);
    const { length } = characters;
    if (length > MAX_PATH_BYTES) return -ENAMETOOLONG;
    // A leading NUL would name an abstract socket, and so would no character at all.
    if (length === 0 || characters.includes(0)) return -EINVAL;
    const { bytes } = this.#block;
    bytes.fill(0);
    bytes[0] = AF_UNIX;
    bytes.set(characters, PATH_OFFSET);
    return PATH_OFFSET + length + 1;
  }
}
