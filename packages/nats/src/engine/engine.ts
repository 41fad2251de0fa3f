import { access, constants, readFile } from 'node:fs/promises';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import {
  type Authenticator,
  connect,
  createInbox,
  credsAuthenticator,
  errors,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type NodeConnectionOptions,
} from '@nats-io/transport-node';
import { clock, fileCallFailed, onAbort, PageferryError } from '@pageferry/core';
import { connectError, connectionClosed, engineError } from './errors.js';
import { Internals } from './internals.js';

/** How to reach the servers: what the NATS client takes, and the path of a credentials file. */
export interface EngineOptions extends NodeConnectionOptions {
  /** Path of a `.creds` file: the user's JWT and NKey seed. It is read for each connection. */
  readonly credentials?: string | undefined;
}

/** How often the server is asked whether it is there, in milliseconds, unless the options say something else. */
const PING_INTERVAL = 20_000;

/** How long the client waits between two attempts to connect anew, in milliseconds. */
const RECONNECT_WAIT = 250;

/** How long a server may take to let this process in, in milliseconds, unless the options say something else. */
const CONNECT_TIMEOUT = 5000;

/** How long a close waits for the server to take what was published, in milliseconds. */
const FLUSH_PATIENCE = 2000;

/** Room for headers within the `max_payload` of the server. */
const HEADER_ROOM = 512;
/** Shorter pieces are copied, and leave together. Longer ones are handed over at once, out of the loan itself. In bytes. */
export const WORTH_LEAVING_ALONE = 16 * 1024;

const LINE_END = Buffer.from('\r\n');

/** What the servers do not let this process do. */
export interface Refusal {
  readonly operation: 'publish' | 'subscription';
  readonly subject: string;
  readonly error: PageferryError;
}

/** One connection to the servers, of one sender or one receiver. */
export class Engine {
  readonly #connection: NatsConnection;
  readonly #internals: Internals;
  readonly #listeners: (() => void)[] = [];
  readonly #refusalListeners: ((refusal: Refusal) => void)[] = [];
  readonly #ping: NodeJS.Timeout;
  readonly #inboxPrefix: string | undefined;
  #keepsAlive = true;
  #connected = true;
  #pinging = false;
  #mostAtOnce = 1024 * 1024;
  #failure: PageferryError | undefined;
  /** The API of the servers' streams and consumers. */
  readonly api: JetStreamManager;

  private constructor(
    connection: NatsConnection,
    api: JetStreamManager,
    pingInterval: number,
    inboxPrefix: string | undefined,
  ) {
    this.#inboxPrefix = inboxPrefix;
    this.#connection = connection;
    this.#internals = new Internals(connection);
    this.api = api;
    this.#internals.stopHeartbeats();
    this.#internals.takeWholeMemory();
    this.#ping = clock.setInterval(() => this.#checkServer(), pingInterval);
    this.#ping.unref();
    this.#mostAtOnce = connection.info?.max_payload ?? this.#mostAtOnce;
    void this.#watch();
  }

  /**
   * Connects.
   *
   * @param name what the servers are told that this connection is.
   * @param limits `signal` ends the wait for a server that does not answer; `needsStreams: false` does without JetStream.
   * @throws `SYSTEM_CALL_FAILED`, `ENDPOINT_FORBIDDEN`, `NOT_SUPPORTED`, `INVALID_ARGUMENT`, `signal.reason`.
   */
  static async open(
    options: EngineOptions,
    name: string,
    {
      signal,
      needsStreams = true,
    }: { readonly signal?: AbortSignal | undefined; readonly needsStreams?: boolean } = {},
  ): Promise<Engine> {
    const { credentials, pingInterval = PING_INTERVAL, ...rest } = options;
    await checkFiles(rest);
    const settings: NodeConnectionOptions = {
      name,
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_WAIT,
      timeout: CONNECT_TIMEOUT,
      ...rest,
      ...(credentials === undefined ? {} : { authenticator: await readCredentials(credentials) }),
      pingInterval,
    };
    const connection = await connectUnlessGivenUp(settings, signal);
    try {
      const api = await jetstreamManager(connection, { checkAPI: needsStreams });
      return new Engine(connection, api, pingInterval, rest.inboxPrefix);
    } catch (error) {
      await connection.close();
      throw engineError(error);
    }
  }

  /** How many bytes a piece may have at most, beside its headers: of the server that this was connected to last. */
  get pieceBytes(): number {
    // While it looks for a server the client knows of none.
    this.#mostAtOnce = this.#connection.info?.max_payload ?? this.#mostAtOnce;
    return this.#mostAtOnce - HEADER_ROOM;
  }

  /** False while the client looks for a server. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Once the connection is over for good: the client has given up, or {@link close} was called. */
  get closed(): boolean {
    return this.#connection.isClosed();
  }

  /** Why the client has given the connection up: the servers do not let it in any more, say. `undefined` if it has not. */
  get failure(): PageferryError | undefined {
    return this.#failure;
  }

  /** Has `listener` called when the connection is lost, when there is a new one, and when it is over. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Has `listener` called with what the servers do not permit. They say so a while after the attempt. */
  onRefusal(listener: (refusal: Refusal) => void): void {
    this.#refusalListeners.push(listener);
  }

  /**
   * Has `callback` called with each message on `subject`.
   *
   * @returns ends that.
   */
  subscribe(subject: string, callback: (message: Msg) => void): () => void {
    if (this.closed) return () => undefined;
    const subscription = this.#connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) callback(message);
      },
    });
    return () => {
      if (!this.closed) subscription.unsubscribe();
    };
  }

  /**
   * Takes part in a group of which one gets each message on `subject`, for a single message.
   *
   * @returns ends it before that.
   */
  takeOne(subject: string, group: string, callback: (message: Msg) => void): () => void {
    if (this.closed) return () => undefined;
    const subscription = this.#connection.subscribe(subject, {
      queue: group,
      max: 1,
      callback: (error, message) => {
        if (error === null) callback(message);
      },
    });
    return () => {
      if (!this.closed) subscription.unsubscribe();
    };
  }

  /** A subject that nobody else has, below the prefix that the options may name. */
  createInbox(): string {
    return createInbox(this.#inboxPrefix);
  }

  /**
   * Publishes a message. Nothing is said if it is lost.
   *
   * @param bytes stays the caller's, and must not change before {@link flushNow} or the end of this tick.
   */
  publish(subject: string, bytes?: Uint8Array, reply?: string, headers?: MsgHdrs): void {
    if (this.closed) return;
    this.#connection.publish(subject, bytes, {
      ...(reply === undefined ? {} : { reply }),
      ...(headers === undefined ? {} : { headers }),
    });
  }

  /**
   * Publishes a longer message. Nothing is said if it is lost.
   *
   * @param bytes stays the caller's. If it is to leave out of that very memory, it must not change until a server has the message,
   *   or this connection is closed; otherwise nothing refers to it afterwards.
   * @param headers as they are on the wire.
   */
  publishLong(
    subject: string,
    bytes: Uint8Array,
    reply: string,
    headers: string,
    inPlace: boolean,
  ): void {
    if (this.closed) return;
    const { length } = headers;
    const line = `HPUB ${subject} ${reply} ${length} ${length + bytes.length}\r\n`;
    const parts = [Buffer.from(line + headers), bytes, LINE_END];
    if (inPlace) this.#internals.write(parts);
    else this.#internals.publish(parts);
  }

  /** Nobody reads the payload of a message any more: others arrive where it was. Of one that stays, nothing need be said. */
  giveBack(payload: Uint8Array): void {
    this.#internals.giveBack(payload);
  }

  /** Hands over to the socket what was published. */
  flushNow(): void {
    this.#internals.flushNow();
  }

  /** Resolves once the server has taken in all that was published, or after a while without one. */
  async flush(): Promise<void> {
    if (this.closed || !this.#connected) return;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise((resolve) => {
      timer = clock.setTimeout(resolve, FLUSH_PATIENCE);
    });
    await Promise.race([this.#connection.flush().catch(() => undefined), patience]);
    clock.clearTimeout(timer);
  }

  /** Whether the connection keeps the event loop alive. It does until this is called. */
  keepAlive(on: boolean): void {
    this.#keepsAlive = on;
    this.#internals.keepAlive(on);
  }

  /** Ends the connection. Harmless the second time. */
  async close(): Promise<void> {
    clock.clearInterval(this.#ping);
    await this.#connection.close();
    this.#internals.forgetMemory();
  }

  async #watch(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type === 'error') this.#noteRefusal(status.error);
      else if (status.type === 'disconnect') this.#connected = false;
      else if (status.type === 'reconnect') this.#reconnected();
      else continue;
      this.#tell();
    }
    const reason = await this.#connection.closed();
    this.#connected = false;
    clock.clearInterval(this.#ping);
    // Whoever closes it has no reason.
    if (reason) this.#failure = connectionClosed(reason);
    this.#tell();
  }

  #noteRefusal(cause: Error): void {
    if (!(cause instanceof errors.PermissionViolationError)) return;
    const { operation, subject } = cause;
    const refusal = { operation, subject, error: engineError(cause) };
    for (const listener of this.#refusalListeners) listener(refusal);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #reconnected(): void {
    this.#connected = true;
    this.#internals.stopHeartbeats();
    this.#internals.takeWholeMemory();
    this.#internals.keepAlive(this.#keepsAlive);
  }

  /** A server that has not answered since the last time is taken for gone. */
  #checkServer(): void {
    if (this.closed || !this.#connected) return;
    if (this.#pinging) {
      void this.#connection.reconnect().catch(() => undefined);
      return;
    }
    this.#pinging = true;
    const answered = (): void => {
      this.#pinging = false;
    };
    this.#connection.flush().then(answered, answered);
  }
}

/** The client says of a file that it cannot read no more than that it does not exist. @throws `SYSTEM_CALL_FAILED`. */
async function checkFiles({ tls }: NodeConnectionOptions): Promise<void> {
  if (typeof tls !== 'object' || tls === null) return;
  for (const path of [tls.caFile, tls.certFile, tls.keyFile]) {
    if (path === undefined) continue;
    try {
      await access(path, constants.R_OK);
    } catch (error) {
      throw fileCallFailed(error, 'access', 0);
    }
  }
}

/** @throws `SYSTEM_CALL_FAILED`, `INVALID_ARGUMENT`. */
async function readCredentials(path: string): Promise<Authenticator> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw fileCallFailed(error, 'open', 0);
  }
  const authenticator = credsAuthenticator(bytes);
  try {
    // The client itself would find out when a server asks, and close without an error.
    authenticator('nonce');
  } catch (cause) {
    const words = `credentials must be the path of a file with a JWT and the seed of an NKey, as nsc makes them, not ${path}`;
    throw new PageferryError('INVALID_ARGUMENT', words, { argument: 'credentials', cause });
  }
  return authenticator;
}

/** The client's attempts cannot be ended: one that was given up is closed when it has come to something. */
async function connectUnlessGivenUp(
  settings: NodeConnectionOptions,
  signal: AbortSignal | undefined,
): Promise<NatsConnection> {
  if (signal?.aborted) throw signal.reason;
  const connecting = connect(settings);
  let forget = (): void => undefined;
  const givenUp = new Promise<never>((_, reject) => {
    forget = onAbort(signal, () => reject(signal?.reason));
  });
  try {
    return await Promise.race([connecting, givenUp]);
  } catch (error) {
    connecting.then(
      (connection) => connection.close(),
      () => undefined,
    );
    throw signal?.aborted ? signal.reason : connectError(error, settings);
  } finally {
    forget();
  }
}
