import type { Socket } from 'node:net';
import {
  decodeHelloOfStream,
  encodeHello,
  Handshakes,
  HELLO_BYTES,
  HELLO_KIND,
  HELLO_PATIENCE,
  INSPECTION,
  type Inspection,
  InspectionAnswer,
  PROTOCOL_VERSION,
  reasonToRefuse,
} from '@pageferry/core';

/** What {@link Greeter} asks of who listens. */
export interface GreeterSettings {
  /** Name of the mechanism: whoever says another one is refused. */
  readonly mechanism: string;
  /** False while as many are served as can be. */
  readonly hasRoom: () => boolean;
  /** Takes over the socket of who has come, and what was said after the hello. */
  readonly admit: (socket: Socket, rest: Buffer) => void;
  /**
   * What to tell who inspects; `undefined` where it is not to be told: the mode of the socket file is all that keeps
   * others out, because Node does not tell who has connected.
   */
  readonly inspect: (() => Inspection) | undefined;
  /** How long it may take to say hello, in milliseconds. */
  readonly patience?: number | undefined;
}

/** Shakes hands with whoever connects, beside each other. */
export class Greeter {
  readonly #settings: GreeterSettings;
  readonly #handshakes: Handshakes;
  readonly #inspection: InspectionAnswer | undefined;

  constructor(settings: GreeterSettings) {
    this.#settings = settings;
    this.#handshakes = new Handshakes(settings.patience ?? HELLO_PATIENCE);
    const { inspect, mechanism } = settings;
    this.#inspection = inspect && new InspectionAnswer(mechanism, inspect);
  }

  /** Shakes hands on a new connection, and owns it until then. */
  readonly greet = (socket: Socket): void => {
    // Without a listener an error would end the process; what follows from it, 'close' tells.
    socket.on('error', () => {});
    const handshake = {
      hangUp: () => socket.destroy(),
      keepAlive: (on: boolean) => (on ? socket.ref() : socket.unref()),
    };
    this.#handshakes.begin(handshake);
    let heard: Buffer = Buffer.alloc(0);
    const leave = (): void => this.#handshakes.end(handshake);
    const onData = (bytes: Buffer): void => {
      heard = heard.length === 0 ? bytes : Buffer.concat([heard, bytes]);
      const hello = decodeHelloOfStream(heard);
      if (hello === undefined) return;
      socket.removeListener('data', onData);
      if (hello === 'foreign' || hello.kind !== HELLO_KIND.hello) {
        socket.destroy();
        return;
      }
      const { version, mechanism: asked } = hello;
      if (asked === INSPECTION && version === PROTOCOL_VERSION && this.#inspection !== undefined) {
        for (const part of this.#inspection.parts()) socket.write(part);
        // Who does not read the answer has as long as for a hello: all of it fits into the socket.
        socket.destroySoon();
        return;
      }
      const { mechanism, hasRoom, admit } = this.#settings;
      const reason = reasonToRefuse(hello, mechanism, hasRoom);
      if (reason !== undefined) {
        socket.write(encodeHello(HELLO_KIND.refusal, mechanism, reason));
        socket.destroySoon();
        return;
      }
      leave();
      socket.removeListener('close', leave);
      socket.write(encodeHello(HELLO_KIND.welcome, mechanism));
      admit(socket, heard.subarray(HELLO_BYTES));
    };
    socket.on('data', onData);
    socket.once('close', leave);
  };

  /** Whether handshakes that are under way keep the event loop alive. They do until this is called. */
  keepAlive(on: boolean): void {
    this.#handshakes.keepAlive(on);
  }

  /** Ends all handshakes that are under way, and lets nobody in any more. */
  close(): void {
    this.#handshakes.close();
  }
}
