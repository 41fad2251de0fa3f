import { isAbsolute, relative, resolve } from 'node:path';
import { PageferryError } from '../errors.js';

/** Where it is not 103. On Windows a named pipe stands for the path, whatever its length. */
const LONGEST_PATHS: Partial<Record<NodeJS.Platform, number>> = {
  linux: 107,
  android: 107,
  win32: Number.POSITIVE_INFINITY,
};

/** Longest path in a Unix socket's address, in bytes (`sun_path`, unix(7), without its final zero). */
export const LONGEST_PATH: number = LONGEST_PATHS[process.platform] ?? 103;

/** The path of an endpoint: of the same file, wherever the process goes (`process.chdir`). */
export class EndpointPath {
  /** As the caller has written it, for messages. */
  readonly given: string;
  /** The same file from everywhere. */
  readonly absolute: string;
  readonly #folder: string | undefined;

  /**
   * @throws `ENDPOINT_TOO_LONG` if it fits into no address: Node would cut it short and use another file.
   *   `ENDPOINT_INVALID` for a relative path where the working directory is gone.
   */
  constructor(given: string) {
    this.given = given;
    this.#folder = isAbsolute(given) ? undefined : workingDirectory(given);
    // Put together as the kernel does: `..` after a symbolic link is not what comes before the link.
    this.absolute = this.#folder === undefined ? given : `${this.#folder}/${given}`;
    const byteLength = Buffer.byteLength(this.address());
    if (byteLength <= LONGEST_PATH) return;
    throw new PageferryError(
      'ENDPOINT_TOO_LONG',
      `the endpoint path has ${byteLength} bytes, ${LONGEST_PATH} are possible: ${given}`,
    );
  }

  /**
   * What to bind or to connect to: the absolute path, or a relative one if only that fits.
   *
   * @param longest how many bytes fit.
   */
  address(longest: number = LONGEST_PATH): string {
    if (this.#folder === undefined || Buffer.byteLength(this.absolute) <= longest) {
      return this.absolute;
    }
    const folder = workingDirectory(this.given);
    return folder === this.#folder ? this.given : relative(folder, resolve(this.absolute));
  }
}

function workingDirectory(given: string): string {
  try {
    return process.cwd();
  } catch (cause) {
    const words = `the endpoint ${given} is relative to a working directory that is gone`;
    throw new PageferryError('ENDPOINT_INVALID', words, { cause });
  }
}
