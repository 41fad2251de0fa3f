import type { Socket } from 'node:net';
import { clock } from '@pageferry/core';
import {
  decodeHello,
  encodeHello,
  HELLO,
  HELLO_BYTES,
  type Hello,
  NAME,
  REFUSAL,
  VERSION,
} from '../protocol/hello.js';

/** How long a receiver may take to say hello, in milliseconds. */
const PATIENCE = 5000;

/** Handshakes under way at once. Whoever is silent longest makes room for the next. */
const MAX_HANDSHAKES = 64;

/** What {@link Greeter} asks of the sender. */
export interface GreeterSettings {
  /** False while the sender serves as many receivers as it can. */
  readonly hasRoom: () => boolean;
  /** Takes over a receiver's socket, and what it has said after its hello. */
  readonly admit: (socket: Socket, rest: Buffer) => void;
  /** How long a receiver may take to say hello, in milliseconds. */
  readonly patience?: number;
}

/** Shakes hands with whoever connects, beside each other. */
export class Greeter {
  readonly #settings: GreeterSettings;
  readonly #patience: number;
  /** Sockets that were not admitted, in the order in which they came. */
  readonly #guests = new Set<Socket>();
  #closed = false;
  #keepsAlive = true;

  constructor(settings: GreeterSettings) {
    this.#settings = settings;
    this.#patience = settings.patience ?? PATIENCE;
  }

  /** Shakes hands on a new connection, and owns it until then. */
  readonly greet = (socket: Socket): void => {
    // Without a listener an error would end the process; what follows from it, 'close' tells.
    socket.on('error', () => {});
    if (this.#closed) {
      socket.destroy();
      return;
    }
    const [oldest] = this.#guests;
    if (oldest !== undefined && this.#guests.size >= MAX_HANDSHAKES) oldest.destroy();
    this.#guests.add(socket);
    if (!this.#keepsAlive) socket.unref();
    this.#listen(socket);
  };

  /** Whether handshakes that are under way keep the event loop alive. They do until this is called. */
  keepAlive(on: boolean): void {
    this.#keepsAlive = on;
    for (const guest of this.#guests) {
      if (on) guest.ref();
      else guest.unref();
    }
  }

  /** Ends all handshakes that are under way, and lets nobody in any more. */
  close(): void {
    this.#closed = true;
    for (const guest of this.#guests) guest.destroy();
  }

  #listen(socket: Socket): void {
    let heard: Buffer = Buffer.alloc(0);
    const timer = clock.setTimeout(() => socket.destroy(), this.#patience);
    // The socket keeps the process alive, or is not to.
    timer.unref();
    const leave = (): void => {
      clock.clearTimeout(timer);
      this.#guests.delete(socket);
    };
    const onData = (bytes: Buffer): void => {
      heard = heard.length === 0 ? bytes : Buffer.concat([heard, bytes]);
      const hello = decodeHello(heard);
      if (hello === undefined) return;
      socket.removeListener('data', onData);
      const refusal = this.#judge(hello);
      if (refusal === undefined) {
        leave();
        socket.removeListener('close', leave);
        socket.write(encodeHello(HELLO.welcome));
        this.#settings.admit(socket, heard.subarray(HELLO_BYTES));
      } else if (refusal === 'foreign') {
        socket.destroy();
      } else {
        socket.write(encodeHello(HELLO.refusal, refusal));
        socket.destroySoon();
      }
    };
    socket.on('data', onData);
    socket.once('close', leave);
  }

  #judge(hello: Hello | 'foreign'): number | 'foreign' | undefined {
    if (hello === 'foreign' || hello.kind !== HELLO.hello) return 'foreign';
    if (hello.version !== VERSION) return REFUSAL.version;
    if (hello.transport !== NAME) return REFUSAL.transport;
    return this.#settings.hasRoom() ? undefined : REFUSAL.noRoom;
  }
}
