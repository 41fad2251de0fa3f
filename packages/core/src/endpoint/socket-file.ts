import { removeAtExit } from '../base/remove-at-exit.js';
import { PageferryError } from '../errors.js';
import { unusableEndpoint } from './endpoint-error.js';
import { EndpointWatch } from './endpoint-watch.js';
import { type FileIdentity, identify, unlinkIfSame } from './file-identity.js';

/**
 * The socket file of a sender that listens. It goes with its sender or with the process, whichever ends
 * first, but never takes away what somebody else has put in its place.
 */
export class SocketFile {
  /** Absolute. */
  readonly path: string;
  #identity: FileIdentity;
  #forget: (() => void) | undefined;
  #watch: EndpointWatch | undefined;

  /**
   * @param identity of the file that this sender has made; the one at the path unless given.
   * @throws `ENDPOINT_INVALID` if there is none.
   */
  constructor(path: string, identity: FileIdentity | undefined = identify(path)) {
    this.path = path;
    this.#identity = checkThere(path, identity);
    this.#forget = removeAtExit(this);
  }

  /** The file that the sender has made last. */
  get identity(): FileIdentity {
    return this.#identity;
  }

  /**
   * Has the file made anew if somebody removes it.
   *
   * @param rebind listens at the path again, and calls {@link renew}.
   */
  watch(rebind: () => Promise<void>): void {
    this.#watch = new EndpointWatch(this, rebind);
  }

  /**
   * The sender has made the file anew.
   *
   * @param identity as with the constructor.
   * @throws `CLOSED` if it was closed meanwhile: the new file is removed then, and the caller's socket is to
   *   be closed. `ENDPOINT_INVALID` as the constructor.
   */
  renew(identity: FileIdentity | undefined = identify(this.path)): void {
    if (this.#forget === undefined) {
      unlinkIfSame(this.path, identity);
      throw new PageferryError('CLOSED', 'the endpoint is closed');
    }
    this.#identity = checkThere(this.path, identity);
  }

  /** Removes the file unless it is somebody else's by now. */
  removeFile(): void {
    unlinkIfSame(this.path, this.#identity);
  }

  /** Removes the file, and makes no other. Harmless the second time. */
  close(): void {
    if (this.#forget === undefined) return;
    this.#forget();
    this.#forget = undefined;
    this.#watch?.close();
    this.removeFile();
  }
}

function checkThere(path: string, identity: FileIdentity | undefined): FileIdentity {
  if (identity !== undefined) return identity;
  throw unusableEndpoint('ENOENT', { given: path, absolute: path });
}
