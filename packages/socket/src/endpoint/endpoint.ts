import { createServer, type Server, type Socket } from 'node:net';
import {
  ALLOW_NOBODY_ELSE,
  type AllowSettings,
  allowsOthers,
  checkEndpoint,
  checkPermission,
  clock,
  EndpointPath,
  endpointError,
  type FileIdentity,
  type FileRights,
  fileRightsFor,
  findReplaceable,
  identify,
  isOneGroup,
  PageferryError,
  prepareFolder,
  probeSocketFile,
  SocketFile,
  unusableEndpoint,
} from '@pageferry/core';
import { NAMED_PIPES, toAddress } from './address.js';
import { moveIfFree, removeStale } from './file.js';
import { type HiddenSocket, listen, listenHidden, removeHidden } from './listen.js';

/** How often to try again when other senders come and go at the same endpoint. */
const ATTEMPTS = 100;

/** A server that listens, and its socket file; there is none on Windows. */
interface Bound {
  readonly server: Server;
  readonly identity: FileIdentity | undefined;
}

/** A bound endpoint. Closing it removes its socket file, if the file is still this one's. */
export class Endpoint {
  readonly #place: EndpointPath;
  readonly #onConnection: (socket: Socket) => void;
  readonly #rights: FileRights;
  /** There is none on Windows. */
  readonly #file: SocketFile | undefined;
  /** The one that listens, and those that have connections from the time when they did. */
  readonly #servers: Set<Server>;
  #keepsAlive = true;
  #closed: Promise<void> | undefined;

  private constructor(
    place: EndpointPath,
    onConnection: (socket: Socket) => void,
    rights: FileRights,
    { server, identity }: Bound,
  ) {
    this.#place = place;
    this.#onConnection = onConnection;
    this.#rights = rights;
    this.#servers = new Set([server]);
    if (identity === undefined) return;
    this.#file = new SocketFile(place.absolute, identity);
    this.#file.watch(() => this.#rebind());
  }

  /**
   * Listens at `endpoint`, and replaces a stale socket file.
   *
   * @param onConnection gets each new connection, and owns it.
   * @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`, `ENDPOINT_TOO_LONG`, `ENDPOINT_IN_USE`,
   *   `ENDPOINT_FORBIDDEN`, `SYSTEM_CALL_FAILED`.
   */
  static async bind(
    endpoint: string,
    onConnection: (socket: Socket) => void,
    allow: AllowSettings = ALLOW_NOBODY_ELSE,
  ): Promise<Endpoint> {
    const place = new EndpointPath(checkEndpoint(endpoint));
    if (!NAMED_PIPES) checkPermission(place);
    checkSharing(allow);
    const rights = fileRightsFor(allow);
    return new Endpoint(place, onConnection, rights, await bindAt(place, onConnection, rights));
  }

  /** Whether listening keeps the event loop alive. It does until this is called. */
  keepAlive(on: boolean): void {
    this.#keepsAlive = on;
    for (const server of this.#servers) {
      if (on) server.ref();
      else server.unref();
    }
  }

  /**
   * Stops listening and removes the socket file, both at once. Resolves when all connections have
   * ended too: on Windows the name is free only then. Harmless the second time.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#file?.close();
    await Promise.all(Array.from(this.#servers, closed));
  }

  async #rebind(): Promise<void> {
    const { server, identity } = await bindAt(this.#place, this.#onConnection, this.#rights);
    try {
      this.#file?.renew(identity);
    } catch (error) {
      server.close();
      throw error;
    }
    for (const former of this.#servers) this.#retire(former);
    this.#servers.add(server);
    this.keepAlive(this.#keepsAlive);
  }

  /** Whoever came before the file went away stays connected, and is let in if it still waits for that. */
  #retire(former: Server): void {
    clock.setImmediate(() => former.close(() => this.#servers.delete(former)));
  }
}

/** Resolves once a server listens no more, and all of its connections have ended. */
function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

/**
 * Node does not tell who has connected: it has to be for the kernel to decide.
 *
 * @throws `NOT_SUPPORTED`.
 */
function checkSharing(allow: AllowSettings): void {
  const isPossible = !allowsOthers(allow) || (isOneGroup(allow) && !NAMED_PIPES);
  if (isPossible) return;
  throw new PageferryError(
    'NOT_SUPPORTED',
    'this transport cannot tell who connects: it can let in one group, and no users',
    { argument: 'allow' },
  );
}

async function bindAt(
  place: EndpointPath,
  onConnection: (socket: Socket) => void,
  rights: FileRights,
): Promise<Bound> {
  const server = createServer(onConnection);
  // A failure to accept is no reason to stop listening, and must not end the process, from the very
  // first moment on; a failure to listen is told by `listen`.
  server.on('error', () => {});
  try {
    if (!NAMED_PIPES) {
      prepareFolder(place);
      return { server, identity: await bindFile(server, place, rights) };
    }
    await listen(server, toAddress(place));
    return { server, identity: undefined };
  } catch (error) {
    server.close();
    throw endpointError(error, place);
  }
}

async function bindFile(
  server: Server,
  place: EndpointPath,
  rights: FileRights,
): Promise<FileIdentity | undefined> {
  // Said at once, rather than after a folder was made.
  await findStale(place);
  const hidden = await listenHidden(server, place, rights);
  try {
    const identity = identify(hidden.file);
    await publish(hidden, place);
    return identity;
  } finally {
    removeHidden(hidden);
  }
}

/** Moves the socket file to its endpoint, where only one of several senders can succeed. */
async function publish(hidden: HiddenSocket, place: EndpointPath): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (moveIfFree(hidden.file, place.absolute)) return;
    const stale = await findStale(place);
    if (stale !== undefined) removeStale(place.absolute, stale);
  }
  throw unusableEndpoint('EADDRINUSE', place);
}

/**
 * The stale socket file at an endpoint, if there is one; `undefined` if nothing is there any more.
 *
 * @throws `ENDPOINT_IN_USE` for a live one, and for what else is in the way `ENDPOINT_INVALID` or
 *   `ENDPOINT_FORBIDDEN`.
 */
async function findStale(place: EndpointPath): Promise<FileIdentity | undefined> {
  // Taken before the probe: what comes later is not what was found stale.
  const found = findReplaceable(place);
  if (found === undefined) return undefined;
  const state = await probeSocketFile(place);
  if (state === 'live') throw unusableEndpoint('EADDRINUSE', place);
  return state === 'stale' ? found : undefined;
}
