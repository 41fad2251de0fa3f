import type { Socket } from 'node:net';
import type { NatsConnection } from '@nats-io/transport-node';

/** What this package uses of the inside of a connection of `@nats-io/transport-node` 3. */
interface Inside {
  readonly protocol: {
    readonly heartbeats: { cancel(): void };
    readonly transport: {
      readonly socket?: Pick<Socket, 'ref' | 'unref' | 'cork' | 'uncork' | 'write'>;
    };
    /** Both true once the server has taken the connection. */
    readonly connected: boolean;
    readonly infoReceived: boolean;
    flushPending(): void;
  };
}

/**
 * What a connection of the client does, and has no public method for. It is all in this file, and a test says so
 * when another version of the client has it no more.
 */
export class Internals {
  readonly #inside: Inside['protocol'];

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
   * Has the socket write these parts, behind what was published, out of the memory where they are: the client would put
   * them together in memory of its own first. Nothing is said if they are lost.
   */
  write(parts: readonly Uint8Array[]): void {
    const { connected, infoReceived, transport } = this.#inside;
    if (!connected || !infoReceived || transport.socket === undefined) return;
    this.flushNow();
    transport.socket.cork();
    for (const part of parts) transport.socket.write(part);
    transport.socket.uncork();
  }

  /** Hands over to the socket what was published: from then on nothing refers to the memory of payloads any more. */
  flushNow(): void {
    this.#inside.flushPending();
  }
}
