import type { NatsConnection } from '@nats-io/transport-node';

/** What this package uses of the inside of a connection of `@nats-io/transport-node` 3. */
interface Inside {
  readonly protocol: {
    readonly heartbeats: { cancel(): void };
    readonly transport: { readonly socket?: { ref(): unknown; unref(): unknown } };
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

  /** Hands over to the socket what was published: from then on nothing refers to the memory of payloads any more. */
  flushNow(): void {
    this.#inside.flushPending();
  }
}
