import type { NatsConnection } from '@nats-io/transport-node';
import { BufferPool, type OwnBuffer } from '@pageferry/core';
import { Arrivals, type MessageBuffer } from './arrivals.js';
import { freeMemory } from './free-memory.js';

/** What this package uses of the inside of a connection of `@nats-io/transport-node` 3. */
interface Inside {
  readonly protocol: {
    readonly heartbeats: { cancel(): void };
    readonly transport: { readonly socket?: Socket };
    /** What was published and is not handed over to the socket: control lines, headers and payloads in turn. */
    readonly outbound: {
      readonly buffers: readonly Uint8Array[];
      fill(...parts: readonly Uint8Array[]): void;
      size(): number;
      reset(): void;
    };
    /** Both true once the server has taken the connection. */
    readonly connected: boolean;
    readonly infoReceived: boolean;
    /** Reads what arrives. Another one with each reconnection. */
    readonly parser: Parser;
    flushPending(): void;
  };
}

/** What this package uses of what reads the protocol. */
interface Parser {
  parse(bytes: Uint8Array): void;
  /** What has arrived of a message that is not here whole. */
  msgBuf?: MessageBuffer;
  /** What is known of the message that arrives. */
  readonly ma?: { readonly size: number };
}

/** What this package uses of the socket of a connection. */
interface Socket {
  ref(): unknown;
  unref(): unknown;
  cork(): void;
  uncork(): void;
  write(bytes: Uint8Array, done?: (error?: Error | null) => void): unknown;
}

/** Shorter ones the client packs itself: it is not worth a buffer that is kept. */
const WORTH_KEEPING = 16 * 1024;
/** How much memory to keep for what is handed over to the socket. A sender has up to 8 MiB under way. */
const KEPT_BYTES = 10 * 1024 * 1024;

/**
 * What a connection of the client does, and has no public method for. It is all in this file, and a test says so
 * when another version of the client has it no more.
 */
export class Internals {
  readonly #inside: Inside['protocol'];
  readonly #frames = new BufferPool(KEPT_BYTES);
  readonly #arrivals = new Arrivals();
  #keepsFrames = true;
  /** The last one that was told to {@link takeWholeMemory}. */
  #parser: Parser | undefined;

  constructor(connection: NatsConnection) {
    this.#inside = (connection as unknown as Inside).protocol;
  }

  /** Stops the client's own timer, which would keep the event loop alive. It starts anew with each reconnection. */
  stopHeartbeats(): void {
    this.#inside.heartbeats.cancel();
  }

  /** Whether the present socket keeps the event loop alive. */
  keepAlive(on: boolean): void {
    const { socket } = this.#inside.transport;
    if (on) socket?.ref();
    else socket?.unref();
  }

  /**
   * Has longer messages arrive in memory that is taken at once, and used again when {@link giveBack} was called. The client lets
   * new memory grow step by step, which takes three times as much, and copies most of a message once more. For the present parser.
   */
  takeWholeMemory(): void {
    const { parser } = this.#inside;
    // The client may tell of one reconnection several times.
    if (parser === this.#parser) return;
    this.#parser = parser;
    const parse = parser.parse.bind(parser);
    parser.parse = (bytes) => {
      const before = parser.msgBuf;
      parse(bytes);
      const { msgBuf, ma } = parser;
      if (msgBuf === undefined || ma === undefined || ma.size < WORTH_KEEPING) return;
      if (msgBuf !== before) {
        parser.msgBuf = this.#arrivals.take(ma.size, msgBuf.bytes({ copy: false }));
      } else if (bytes.length === bytes.buffer.byteLength) {
        // All of what the socket has read was copied there.
        freeMemory(bytes.buffer as ArrayBuffer);
      }
    };
  }

  /** Nobody reads the payload of a message any more. */
  giveBack(payload: Uint8Array): void {
    this.#arrivals.giveBack(payload);
  }

  /**
   * Has the socket write these parts, behind what was published, out of the memory where they are: the client would put
   * them together in memory of its own first. Nothing is said if they are lost.
   */
  write(parts: readonly Uint8Array[]): void {
    const { connected, infoReceived, transport } = this.#inside;
    if (!connected || !infoReceived || transport.socket === undefined) return;
    transport.socket.cork();
    this.flushNow();
    for (const part of parts) transport.socket.write(part);
    transport.socket.uncork();
  }

  /**
   * Publishes these parts of a message, and hands over to the socket what was published. The client would do the same in new
   * memory, where something was published before.
   */
  publish(parts: readonly Uint8Array[]): void {
    this.#inside.outbound.fill(...parts);
    this.flushNow();
  }

  /**
   * Hands over to the socket what was published: from then on nothing refers to the memory of payloads any more.
   *
   * The client makes new memory for that each time. Clearing and mapping it costs more than the copy into it, so longer
   * frames go out of memory that is used again.
   */
  flushNow(): void {
    const { outbound, transport, connected, infoReceived } = this.#inside;
    const byteLength = outbound.size();
    if (byteLength < WORTH_KEEPING || !connected || !infoReceived || !transport.socket) {
      this.#inside.flushPending();
      return;
    }
    const memory = this.#frames.take(byteLength);
    let end = 0;
    for (const bytes of outbound.buffers) {
      memory.set(bytes, end);
      end += bytes.length;
    }
    outbound.reset();
    transport.socket.write(memory.subarray(0, byteLength), (error) => this.#sent(memory, error));
  }

  /** Lets go of memory that is kept. The client keeps a connection that is closed for a while. */
  forgetMemory(): void {
    this.#keepsFrames = false;
    this.#frames.clear();
    this.#arrivals.clear();
  }

  /** Memory of a write that has failed may still be in use. */
  #sent(memory: OwnBuffer, error: Error | null | undefined): void {
    if (error == null && this.#keepsFrames) this.#frames.giveBack(memory);
  }
}
