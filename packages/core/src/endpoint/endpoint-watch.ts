import { isPageferryError } from '../errors.js';
import { clock } from '../waiting/clock.js';
import { identify, isSame } from './file-identity.js';
import type { SocketFile } from './socket-file.js';

/** How often to look, in milliseconds. One look is one lstat(2). */
const INTERVAL = 2000;

/**
 * Looks from time to time whether a sender's socket file is still there. Who cleans up a folder does not
 * ask whether a socket is listened at, and no receiver would find the sender any more. A file that is gone
 * is made anew; what somebody else has put in its place is left alone, and said.
 *
 * It does not keep the process alive.
 */
export class EndpointWatch {
  readonly #file: SocketFile;
  readonly #rebind: () => Promise<void>;
  readonly #timer: NodeJS.Timeout;
  #busy = false;
  /** What was said last, which is not said again. */
  #said = '';

  /** @param rebind makes the file anew where nothing is, and listens there. May throw; never overlaps itself. */
  constructor(file: SocketFile, rebind: () => Promise<void>) {
    this.#file = file;
    this.#rebind = rebind;
    this.#timer = clock.setInterval(() => void this.#look(), INTERVAL);
    this.#timer.unref();
  }

  /** Looks no more. What is under way goes on. */
  close(): void {
    clock.clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    const { path, identity } = this.#file;
    try {
      const found = identify(path);
      if (isSame(identity, found)) {
        this.#said = '';
      } else if (found !== undefined) {
        this.#say('PAGEFERRY_ENDPOINT_LOST', `Something else is at the endpoint ${path} now`);
      } else {
        await this.#rebind();
        this.#say(
          'PAGEFERRY_ENDPOINT_REMOVED',
          `The endpoint ${path} was removed, and is made anew`,
        );
      }
    } catch (error) {
      if (isPageferryError(error, 'CLOSED')) return; // By its owner, meanwhile.
      const why = error instanceof Error ? error.message : String(error);
      this.#say('PAGEFERRY_ENDPOINT_LOST', `The endpoint ${path} is lost: ${why}`);
    } finally {
      this.#busy = false;
    }
  }

  #say(code: string, what: string): void {
    if (this.#said === what) return;
    this.#said = what;
    process.emitWarning(what, {
      type: 'PageferryWarning',
      code,
      detail:
        code === 'PAGEFERRY_ENDPOINT_LOST'
          ? 'New receivers do not find this sender; those that it has keep their connections.'
          : 'Folders such as /tmp are cleaned up; better is one that nobody cleans: $XDG_RUNTIME_DIR, /run.',
    });
  }
}
