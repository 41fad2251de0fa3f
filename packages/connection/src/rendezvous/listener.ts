import { clock, dispose, PageferryError, type PeerCredentials } from '@pageferry/core';
import {
  type DescriptorWatcher,
  type LinuxCalls,
  POLLIN,
  systemCallError,
  type UnixSocket,
} from '@pageferry/linux';
import { PROTOCOL_VERSION } from '../control/layout.js';
import type { Endpoint } from './endpoint.js';
import { receiveHello, withPatience } from './exchange.js';
import { decodeHello, encodeHello, HELLO_KIND, REFUSAL } from './hello.js';
import { isTrusted } from './trust.js';

/** How long a receiver may take to say hello, in milliseconds. */
const PATIENCE = 10_000;

/** Handshakes under way at once; whoever comes in between waits in the backlog. */
const MAX_HANDSHAKES = 64;

/** How long to leave waiting receivers alone while descriptors are short, in milliseconds. */
const PAUSE = 100;

/** What {@link Listener} asks of the transport. */
export interface ListenerSettings {
  /** Both sides must name the same. */
  readonly mechanism: string;
  /** False while the sender serves as many receivers as it can. */
  readonly hasRoom: () => boolean;
  /**
   * Sets up the connection and sends the welcome by `welcome(descriptors)`. Takes over the socket,
   * unless it throws.
   *
   * `parameters` are what the receiver's mechanism said. Unchecked.
   *
   * `credentials` are the receiver's, where they can be had.
   */
  readonly admit: (
    socket: UnixSocket,
    welcome: WelcomeSender,
    parameters: Uint32Array,
    credentials: PeerCredentials | undefined,
  ) => void;
  /** An inherited endpoint has no receiver, and will have none. Called at most once. */
  readonly onOver?: () => void;
}

/**
 * Sends the welcome with the descriptors of a connection, and what the mechanism has to say as 32-bit
 * words. False if the receiver is gone.
 */
export type WelcomeSender = (
  descriptors: readonly { readonly fd: number }[],
  parameters?: readonly number[],
) => boolean;

/** Accepts receivers at an endpoint and shakes hands with each, beside each other. */
export class Listener implements Disposable {
  readonly #calls: LinuxCalls;
  readonly #endpoint: Endpoint;
  readonly #settings: ListenerSettings;
  readonly #watcher: DescriptorWatcher | undefined;
  readonly #closing = new AbortController();
  #handshakes = 0;
  /** True once nobody can come any more who has not come: of an inherited endpoint. */
  #over = false;
  #keepsAlive = true;
  /** Waits for what the one at the other end of an inherited endpoint says. */
  #inheritedWatcher: DescriptorWatcher | undefined;

  /** @throws `SYSTEM_CALL_FAILED` if the endpoint cannot be watched. */
  constructor(calls: LinuxCalls, endpoint: Endpoint, settings: ListenerSettings) {
    this.#calls = calls;
    this.#endpoint = endpoint;
    this.#settings = settings;
    if (endpoint.inherited) {
      void this.#shakeHands(endpoint.socket).finally(() => {
        this.#over = true;
        if (!this.#closing.signal.aborted) settings.onOver?.();
      });
      return;
    }
    const watcher = calls.watch(endpoint.socket.fd, POLLIN, () => this.#acceptAll());
    if (typeof watcher === 'number') throw systemCallError('epoll_ctl', watcher);
    this.#watcher = watcher;
  }

  /** Stops accepting, and ends handshakes that are under way. The endpoint stays the caller's. */
  close(): void {
    this.#watcher?.close();
    this.#closing.abort(new PageferryError('CLOSED', 'this sender is closed'));
  }

  /**
   * To be asked while no receiver is connected.
   *
   * @throws `PEER_DIED` if the only one that there can be has left, or never came.
   */
  checkMayCome(): void {
    if (!this.#over) return;
    const { path } = this.#endpoint;
    throw new PageferryError(
      'PEER_DIED',
      `the receiver at the other end of ${path} is gone, and no other can come`,
    );
  }

  /** Whether waiting for receivers keeps the event loop alive. It does until this is called. */
  keepAlive(on: boolean): void {
    this.#keepsAlive = on;
    for (const watcher of [this.#watcher, this.#inheritedWatcher]) {
      if (on) watcher?.ref();
      else watcher?.unref();
    }
  }

  [dispose](): void {
    this.close();
  }

  #acceptAll(): void {
    try {
      while (this.#handshakes < MAX_HANDSHAKES) {
        const socket = this.#endpoint.socket.accept();
        if (socket === undefined) return;
        void this.#shakeHands(socket);
      }
      this.#watcher?.update(0); // Until a handshake has ended.
    } catch {
      // EMFILE and its like: the receiver stays in the backlog, and the socket stays ready. Looking
      // again at once would hold the event loop for as long as descriptors are short.
      this.#watcher?.update(0);
      clock.setTimeout(() => this.#resume(), PAUSE).unref();
    }
  }

  #resume(): void {
    if (!this.#closing.signal.aborted) this.#watcher?.update(POLLIN);
  }

  async #shakeHands(socket: UnixSocket): Promise<void> {
    this.#handshakes++;
    const patience = withPatience(
      this.#endpoint.inherited ? undefined : PATIENCE,
      this.#closing.signal,
      () => new PageferryError('TIMEOUT', 'the receiver did not say hello'),
    );
    try {
      const reason = await this.#greet(socket, patience.signal);
      if (reason === undefined) return;
      socket.send(encodeHello(HELLO_KIND.refusal, this.#settings.mechanism, reason));
      socket.close();
    } catch {
      // A receiver that fails its handshake is its own problem; nobody else learns of it.
      socket.close();
    } finally {
      patience.done();
      this.#handshakes--;
      this.#resume();
    }
  }

  /** Shakes hands with one receiver. Returns the reason for a refusal. */
  async #greet(socket: UnixSocket, signal: AbortSignal): Promise<number | undefined> {
    const { inherited } = this.#endpoint;
    const onWatch = (watcher: DescriptorWatcher): void => {
      // Others have so little time that they need not be looked after.
      if (!inherited) return;
      this.#inheritedWatcher = watcher;
      if (!this.#keepsAlive) watcher.unref();
    };
    const message = await receiveHello(this.#calls, socket, signal, onWatch);
    this.#inheritedWatcher = undefined;
    for (const descriptor of message?.descriptors ?? []) descriptor.close();
    const hello = message && decodeHello(message.bytes);
    if (hello?.kind !== HELLO_KIND.hello) {
      socket.close();
      return undefined;
    }
    const { mechanism, hasRoom, admit } = this.#settings;
    // Only now: a socket that is closed with words unread takes its last answer with it.
    const credentials = inherited ? message?.credentials : socket.peerCredentials();
    // Whoever has inherited a descriptor may use it.
    if (inherited) socket.passCredentials(false);
    else if (!isTrusted(credentials)) return REFUSAL.credentials;
    if (hello.version !== PROTOCOL_VERSION) return REFUSAL.version;
    if (hello.mechanism !== mechanism) return REFUSAL.mechanism;
    if (!hasRoom()) return REFUSAL.noRoom;
    try {
      const welcome: WelcomeSender = (descriptors, parameters = []) =>
        socket.send(encodeHello(HELLO_KIND.welcome, mechanism, 0, parameters), descriptors);
      admit(socket, welcome, hello.parameters, credentials);
      return undefined;
    } catch {
      return REFUSAL.failure;
    }
  }
}
