import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { PageferryError } from '../errors.js';
import { describeEndpoint, isNamedEndpoint, pathOfName } from './named-endpoint.js';

/** Where it is not 103. On Windows a named pipe stands for the path, whatever its length. */
const LONGEST_PATHS: Partial<Record<NodeJS.Platform, number>> = {
  linux: 107,
  android: 107,
  win32: Number.POSITIVE_INFINITY,
};

/** Longest path in a Unix socket's address, in bytes (`sun_path`, unix(7), without its final zero). */
export const LONGEST_PATH: number = LONGEST_PATHS[process.platform] ?? 103;

/**
 * The path of an endpoint: of the same file, wherever the process goes (`process.chdir`), and whatever becomes of
 * its environment.
 */
export class EndpointPath {
  /** As the caller has written it, for messages; a name with the file that it stands for. */
  readonly given: string;
  /** The folder of a name, which whoever uses it makes; `undefined` for a path, whose folder is its user's. */
  readonly folderOfName: string | undefined;
  /** The same file from everywhere. */
  readonly absolute: string;
  readonly #folder: string | undefined;

  /**
   * @param endpoint a path or a name, but no `fd:N`.
   * @throws `ENDPOINT_TOO_LONG` if it fits into no address: Node would cut it short and use another file.
   *   `ENDPOINT_INVALID` for a relative path where the working directory is gone.
   */
  constructor(endpoint: string) {
    const isName = isNamedEndpoint(endpoint);
    const given = isName ? pathOfName(endpoint) : endpoint;
    this.given = describeEndpoint(endpoint);
    this.folderOfName = isName ? dirname(given) : undefined;
    this.#folder = isAbsolute(given) ? undefined : workingDirectory(given);
    // Put together as the kernel does: `..` after a symbolic link is not what comes before the link.
    this.absolute = this.#folder === undefined ? given : `${this.#folder}/${given}`;
    const byteLength = Buffer.byteLength(this.address());
    if (byteLength <= LONGEST_PATH) return;
    throw new PageferryError(
      'ENDPOINT_TOO_LONG',
      `the endpoint path has ${byteLength} bytes, ${LONGEST_PATH} are possible: ${this.given}`,
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
