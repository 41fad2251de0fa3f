import {
  type AllowSettings,
  clock,
  decodeHello,
  dispose,
  encodeHello,
  type Handshake,
  Handshakes,
  HELLO_KIND,
  HELLO_PATIENCE,
  INSPECTION,
  type Inspection,
  InspectionAnswer,
  isOneGroup,
  isPageferryError,
  isTrusted,
  MAX_HANDSHAKES,
  overflowUid,
  PageferryError,
  type PeerCredentials,
  PROTOCOL_VERSION,
  REFUSAL,
  reasonToRefuse,
} from '@pageferry/core';
import {
  type DescriptorWatcher,
  type LinuxCalls,
  type OwnedFd,
  POLLIN,
  type SocketMessage,
  systemCallError,
  type UnixSocket,
} from '@pageferry/linux';
import type { Endpoint } from './endpoint.js';
import { receiveHello } from './exchange.js';

/** How long to leave waiting receivers alone while descriptors are short, in milliseconds. */
const PAUSE = 100;

/**
 * How many are taken in before everybody else has a turn: to let one in takes a tenth of a millisecond, and a crowd that
 * comes again and again must not hold up those who are there.
 */
const ACCEPTED_AT_ONCE = 8;

/** Why a handshake ends that is hung up on. Nobody is told; without it each would have an error of its own made for it. */
const HUNG_UP = 'hung up on';

/** A user id that nobody has. */
const UNKNOWN = 2 ** 32 - 1;

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
   *
   * `descriptors` came with the hello. They are the caller's: what is not closed when this returns is closed then.
   */
  readonly admit: (
    socket: UnixSocket,
    welcome: WelcomeSender,
    parameters: Uint32Array,
    credentials: PeerCredentials | undefined,
    descriptors: readonly OwnedFd[],
  ) => void;
  /** What to tell a process of the same user that inspects. By default inspections are refused. */
  readonly inspect?: () => Inspection;
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

/** Why a receiver is refused, and what else there is to say of it. */
interface Refusal {
  readonly reason: number;
  readonly parameters?: readonly number[];
}

/** A receiver that has connected and not said hello. */
class OpenHandshake implements Handshake {
  readonly #gone = new AbortController();
  #watcher: DescriptorWatcher | undefined;
  #keepsAlive = true;

  /** Fires when it is to be hung up on. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  hangUp(): void {
    this.#gone.abort(HUNG_UP);
  }

  keepAlive(on: boolean): void {
    this.#keepsAlive = on;
    if (on) this.#watcher?.ref();
    else this.#watcher?.unref();
  }

  /** `watcher` waits for what it says. */
  readonly watchedBy = (watcher: DescriptorWatcher): void => {
    this.#watcher = watcher;
    this.keepAlive(this.#keepsAlive);
  };
}

/** Accepts receivers at an endpoint and shakes hands with each, beside each other. */
export class Listener implements Disposable {
  readonly #calls: LinuxCalls;
  readonly #endpoint: Endpoint;
  readonly #settings: ListenerSettings;
  readonly #handshakes: Handshakes;
  readonly #inspection: InspectionAnswer | undefined;
  #watcher: DescriptorWatcher | undefined;
  /** True once nobody can come any more who has not come: of an inherited endpoint. */
  #over = false;
  #keepsAlive = true;
  #pause: NodeJS.Timeout | undefined;

  /** @throws `SYSTEM_CALL_FAILED` if the endpoint cannot be watched. */
  constructor(calls: LinuxCalls, endpoint: Endpoint, settings: ListenerSettings) {
    this.#calls = calls;
    this.#endpoint = endpoint;
    this.#settings = settings;
    const { file, inherited } = endpoint;
    // Who inherits a socket may be started much later.
    this.#handshakes = new Handshakes(inherited ? undefined : HELLO_PATIENCE);
    const { inspect, mechanism } = settings;
    // Of an inherited endpoint the only one that can come is its receiver.
    this.#inspection =
      inspect === undefined || inherited ? undefined : new InspectionAnswer(mechanism, inspect);
    if (file === undefined) {
      void this.#shakeHands(endpoint.socket).finally(() => {
        this.#over = true;
        if (!this.#handshakes.closed) settings.onOver?.();
      });
      return;
    }
    this.#watcher = this.#listen(endpoint.socket);
    file.watch(() => this.#rebind());
  }

  /** Stops accepting, and ends handshakes that are under way. The endpoint stays the caller's. */
  close(): void {
    this.#watcher?.close();
    clock.clearTimeout(this.#pause);
    this.#handshakes.close();
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
    if (on) this.#watcher?.ref();
    else this.#watcher?.unref();
    this.#handshakes.keepAlive(on);
  }

  [dispose](): void {
    this.close();
  }

  #listen(socket: UnixSocket): DescriptorWatcher {
    const watcher = this.#calls.watch(socket.fd, POLLIN, (error) => {
      if (error < 0) this.#watchAnew();
      else this.#acceptAll();
    });
    if (typeof watcher === 'number') throw systemCallError('epoll_ctl', watcher);
    if (!this.#keepsAlive) watcher.unref();
    return watcher;
  }

  /** After the event loop could not watch any longer; receivers wait in the backlog meanwhile. */
  #watchAnew(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#resumeLater();
  }

  async #rebind(): Promise<void> {
    const former = await this.#endpoint.rebind();
    // Who came before the file went away is in the former queue, and need not come again.
    this.#acceptFrom(former, MAX_HANDSHAKES);
    this.#watcher?.close();
    this.#watcher = undefined;
    former.close();
    this.#resume();
  }

  #acceptAll(): void {
    if (this.#acceptFrom(this.#endpoint.socket, ACCEPTED_AT_ONCE)) return;
    // Looking again at once would hold the event loop for as long as descriptors are short.
    this.#watcher?.update(0);
    this.#resumeLater();
  }

  /**
   * Takes in whoever waits.
   *
   * @param most at most as many as may be silent: who has said hello already is let in before the next ones come, and
   *   need not make room for them.
   * @returns false if that fails: EMFILE and its like. The receiver stays in the backlog.
   */
  #acceptFrom(listening: UnixSocket, most: number): boolean {
    try {
      for (let count = 0; count < most; count++) {
        const socket = listening.accept();
        if (socket === undefined) break;
        void this.#shakeHands(socket);
      }
      return true;
    } catch {
      return false;
    }
  }

  /** Without a watcher nothing else may keep the process alive that waits for receivers. */
  #resumeLater(): void {
    clock.clearTimeout(this.#pause);
    this.#pause = clock.setTimeout(() => this.#resume(), PAUSE);
    if (!this.#keepsAlive) this.#pause.unref();
  }

  #resume(): void {
    if (this.#handshakes.closed) return;
    try {
      this.#watcher ??= this.#listen(this.#endpoint.socket);
      this.#watcher.update(POLLIN);
    } catch {
      this.#resumeLater(); // No descriptor for the watcher.
    }
  }

  async #shakeHands(socket: UnixSocket): Promise<void> {
    const handshake = new OpenHandshake();
    this.#handshakes.begin(handshake);
    try {
      const refusal = await this.#greet(socket, handshake);
      if (refusal === undefined) return;
      const { reason, parameters = [] } = refusal;
      const { mechanism } = this.#settings;
      socket.send(encodeHello(HELLO_KIND.refusal, mechanism, reason, parameters));
      socket.close();
    } catch {
      // A receiver that fails its handshake is its own problem; nobody else learns of it.
      socket.close();
    } finally {
      this.#handshakes.end(handshake);
    }
  }

  /** Shakes hands with one receiver. Returns why it is refused. */
  async #greet(socket: UnixSocket, handshake: OpenHandshake): Promise<Refusal | undefined> {
    const message = await receiveHello(this.#calls, socket, handshake.signal, handshake.watchedBy);
    this.#handshakes.end(handshake);
    try {
      return this.#answer(socket, message);
    } finally {
      for (const descriptor of message?.descriptors ?? []) descriptor.close();
    }
  }

  #answer(socket: UnixSocket, message: SocketMessage | undefined): Refusal | undefined {
    const { inherited, owner, allow } = this.#endpoint;
    // Descriptors that are lost are no fault of the receiver's: it learns so.
    const isWhole = message?.truncated === false || message?.descriptorsLost === true;
    const hello = isWhole ? decodeHello(message.bytes) : undefined;
    if (hello?.kind !== HELLO_KIND.hello) {
      socket.close();
      return undefined;
    }
    const { mechanism, hasRoom, admit } = this.#settings;
    // Only now: a socket that is closed with words unread takes its last answer with it.
    const credentials = inherited ? message?.credentials : socket.peerCredentials();
    // Whoever has inherited a descriptor may use it.
    if (inherited) socket.passCredentials(false);
    else if (!isTrusted(credentials, owner, allow) && !isLetInByFile(credentials, allow)) {
      const parameters = [owner ?? UNKNOWN, credentials?.uid ?? UNKNOWN];
      return { reason: REFUSAL.credentials, parameters };
    }
    const { version, mechanism: asked } = hello;
    if (asked === INSPECTION && version === PROTOCOL_VERSION && this.#inspection !== undefined) {
      return this.#answerInspection(socket, this.#inspection, credentials);
    }
    const reason = reasonToRefuse(hello, mechanism, hasRoom);
    if (reason !== undefined) return { reason };
    try {
      const welcome: WelcomeSender = (descriptors, parameters = []) =>
        socket.send(encodeHello(HELLO_KIND.welcome, mechanism, 0, parameters), descriptors);
      admit(socket, welcome, hello.parameters, credentials, message?.descriptors ?? []);
      return undefined;
    } catch (error) {
      const errno = isPageferryError(error, 'SYSTEM_CALL_FAILED') ? error.errno : undefined;
      return { reason: REFUSAL.failure, parameters: [errno ?? 0] };
    }
  }

  /** Of those that may be receivers (`allow`), only this user may inspect. Waits for nobody who does not read. */
  #answerInspection(
    socket: UnixSocket,
    inspection: InspectionAnswer,
    credentials: PeerCredentials | undefined,
  ): Refusal | undefined {
    const { owner } = this.#endpoint;
    if (!isTrusted(credentials, owner)) {
      const parameters = [owner ?? UNKNOWN, credentials?.uid ?? UNKNOWN];
      return { reason: REFUSAL.credentials, parameters };
    }
    inspection.parts().every((part) => socket.send(part));
    socket.close();
    return undefined;
  }
}

/**
 * Whether the kernel has let somebody connect because of the group of the socket file: whoever is not its owner, and not
 * root, who may do everything, was let in by nothing else. Its other groups the kernel does not tell.
 */
function isLetInByFile(peer: PeerCredentials | undefined, allow: AllowSettings): boolean {
  return isOneGroup(allow) && peer !== undefined && peer.uid !== 0 && peer.uid !== overflowUid();
}
