import { unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { removeAtExit } from '@pageferry/core';
import { NAMED_PIPES, toAddress } from './address.js';
import { endpointError } from './errors.js';
import {
  checkSocketFile,
  type FileIdentity,
  identify,
  isSame,
  moveIfFree,
  probeSocketFile,
  removeStale,
} from './file.js';
import { type HiddenSocket, listen, listenHidden, removeHidden } from './listen.js';

/** How often to try again when other senders come and go at the same endpoint. */
const ATTEMPTS = 100;

/** A bound endpoint. Closing it removes its socket file, if the file is still this one's. */
export class Endpoint {
  readonly #server: Server;
  readonly #path: string;
  readonly #identity: FileIdentity | undefined;
  readonly #forget: () => void;
  #closed: Promise<void> | undefined;

  private constructor(server: Server, path: string, identity: FileIdentity | undefined) {
    this.#server = server;
    this.#path = resolve(path);
    this.#identity = identity;
    this.#forget = removeAtExit(this);
  }

  /**
   * Listens at `endpoint`, and replaces a stale socket file.
   *
   * @param onConnection gets each new connection, and owns it.
   * @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`, `ENDPOINT_TOO_LONG`, `ENDPOINT_IN_USE`,
   *   `ENDPOINT_FORBIDDEN`, `SYSTEM_CALL_FAILED`.
   */
  static async bind(endpoint: string, onConnection: (socket: Socket) => void): Promise<Endpoint> {
    const address = toAddress(endpoint);
    const server = createServer(onConnection);
    // A failure to accept is no reason to stop listening, and must not end the process, from the very
    // first moment on; a failure to listen is told by `listen`.
    server.on('error', () => {});
    try {
      if (!NAMED_PIPES) return new Endpoint(server, endpoint, await bindFile(server, endpoint));
      await listen(server, address);
      return new Endpoint(server, endpoint, undefined);
    } catch (error) {
      server.close();
      throw endpointError(error, endpoint);
    }
  }

  /** Whether listening keeps the event loop alive. It does until this is called. */
  keepAlive(on: boolean): void {
    if (on) this.#server.ref();
    else this.#server.unref();
  }

  /**
   * Stops listening and removes the socket file, both at once. Resolves when all connections have
   * ended too: on Windows the name is free only then. Harmless the second time.
   */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#forget();
      this.removeFile();
      this.#server.close(() => resolve());
    });
    return this.#closed;
  }

  /** Removes the socket file unless somebody else's is in its place. */
  removeFile(): void {
    if (this.#identity === undefined) return;
    try {
      if (isSame(this.#identity, identify(this.#path))) unlinkSync(this.#path);
    } catch {
      // It is out of reach by now.
    }
  }
}

async function bindFile(server: Server, endpoint: string): Promise<FileIdentity | undefined> {
  // Said at once, rather than after a folder was made.
  if (checkSocketFile(endpoint, false)) await findStale(endpoint);
  const hidden = await listenHidden(server, endpoint);
  try {
    const identity = identify(hidden.file);
    await publish(hidden, endpoint);
    return identity;
  } finally {
    removeHidden(hidden);
  }
}

/** Moves the socket file to its endpoint, where only one of several senders can succeed. */
async function publish(hidden: HiddenSocket, endpoint: string): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (moveIfFree(hidden.file, endpoint)) return;
    const stale = await findStale(endpoint);
    if (stale !== undefined) removeStale(endpoint, stale, hidden.aside);
  }
  throw endpointError({ code: 'EADDRINUSE' }, endpoint);
}

/**
 * The stale socket file at `endpoint`, if there is one; `undefined` if nothing is there any more.
 *
 * @throws `ENDPOINT_IN_USE` for a live one, and for what else is in the way `ENDPOINT_INVALID` or
 *   `ENDPOINT_FORBIDDEN`.
 */
async function findStale(endpoint: string): Promise<FileIdentity | undefined> {
  // Taken before the probe: what comes later is not what was found stale.
  const found = identify(endpoint);
  if (found === undefined || !checkSocketFile(endpoint, false)) return undefined;
  const state = await probeSocketFile(endpoint);
  if (state === 'live') throw endpointError({ code: 'EADDRINUSE' }, endpoint);
  return state === 'stale' ? found : undefined;
}
