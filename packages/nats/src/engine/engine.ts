import { readFile } from 'node:fs/promises';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import {
  type Authenticator,
  connect,
  credsAuthenticator,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type NodeConnectionOptions,
} from '@nats-io/transport-node';
import { clock } from '@pageferry/core';
import { engineError } from './errors.js';
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

/** How long a close waits for the server to take what was published, in milliseconds. */
const FLUSH_PATIENCE = 2000;

const LINE_END = Buffer.from('\r\n');

/** One connection to the servers, of one sender or one receiver. */
export class Engine {
  readonly #connection: NatsConnection;
  readonly #internals: Internals;
  readonly #listeners: (() => void)[] = [];
  readonly #ping: NodeJS.Timeout;
  #keepsAlive = true;
  #connected = true;
  #pinging = false;
  /** The API of the servers' streams and consumers. */
  readonly api: JetStreamManager;

  private constructor(connection: NatsConnection, api: JetStreamManager, pingInterval: number) {
    this.#connection = connection;
    this.#internals = new Internals(connection);
    this.api = api;
    this.#internals.stopHeartbeats();
    this.#ping = clock.setInterval(() => this.#checkServer(), pingInterval);
    this.#ping.unref();
    void this.#watch();
  }

  /**
   * Connects.
   *
   * @param name what the servers are told that this connection is.
   * @throws `SYSTEM_CALL_FAILED`, `ENDPOINT_FORBIDDEN`, `NOT_SUPPORTED`, `INVALID_ARGUMENT`.
   */
  static async open(options: EngineOptions, name: string): Promise<Engine> {
    const { credentials, pingInterval = PING_INTERVAL, ...rest } = options;
    let connection: NatsConnection | undefined;
    try {
      const authenticator: { authenticator?: Authenticator | Authenticator[] } =
        credentials === undefined
          ? {}
          : { authenticator: credsAuthenticator(await readFile(credentials)) };
      connection = await connect({
        name,
        maxReconnectAttempts: -1,
        reconnectTimeWait: RECONNECT_WAIT,
        ...rest,
        ...authenticator,
        pingInterval,
      });
      return new Engine(connection, await jetstreamManager(connection), pingInterval);
    } catch (error) {
      await connection?.close();
      throw engineError(error);
    }
  }

  /** How many bytes a published message may have at most, headers included. */
  get maxPayload(): number {
    return this.#connection.info?.max_payload ?? 1024 * 1024;
  }

  /** False while the client looks for a server. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Once the connection is over for good: the client has given up, or {@link close} was called. */
  get closed(): boolean {
    return this.#connection.isClosed();
  }

  /** Has `listener` called when the connection is lost, when there is a new one, and when it is over. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Has `callback` called with each message on `subject`. */
  subscribe(subject: string, callback: (message: Msg) => void): void {
    if (this.closed) return;
    this.#connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) callback(message);
      },
    });
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
   * Publishes a message without a copy of it in user space. Nothing is said if it is lost.
   *
   * @param bytes stays the caller's, and must not change until a server has the message, or this connection is closed.
   * @param headers as they are on the wire.
   */
  publishInPlace(subject: string, bytes: Uint8Array, reply: string, headers: string): void {
    if (this.closed) return;
    const { length } = headers;
    const line = `HPUB ${subject} ${reply} ${length} ${length + bytes.length}\r\n`;
    this.#internals.write([Buffer.from(line + headers), bytes, LINE_END]);
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
  }

  async #watch(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type === 'disconnect') this.#connected = false;
      else if (type === 'reconnect') this.#reconnected();
      else if (type !== 'close') continue;
      for (const listener of this.#listeners) listener();
    }
  }

  #reconnected(): void {
    this.#connected = true;
    this.#internals.stopHeartbeats();
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
