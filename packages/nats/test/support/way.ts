import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { until } from './server.js';

/** A way to the server on which answers can be held up. */
export class Way {
  readonly #server: Server;
  readonly #sockets: Socket[] = [];
  readonly #held: (() => void)[] = [];
  #isHeld = false;
  #wasHeld = false;

  private constructor(port: number, word: string) {
    this.#server = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      this.#sockets.push(near, far);
      for (const socket of [near, far]) socket.on('error', () => undefined);
      near.on('data', (bytes) => {
        if (!this.#wasHeld && bytes.includes(word)) {
          this.#isHeld = true;
          this.#wasHeld = true;
        }
        far.write(bytes);
      });
      far.on('data', (bytes) => {
        if (this.#isHeld) this.#held.push(() => near.write(bytes));
        else near.write(bytes);
      });
    });
  }

  /** @param word nothing of what the server says passes once the client has said it for the first time. */
  static async until(port: number, word: string): Promise<Way> {
    const way = new Way(port, word);
    way.#server.listen(0, '127.0.0.1');
    await once(way.#server, 'listening');
    return way;
  }

  get url(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Holds answers up from now on. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Resolves once answers are held up. */
  async held(): Promise<void> {
    await until(() => this.#isHeld && this.#held.length > 0);
  }

  /** Lets pass what was held up, and all that comes. */
  release(): void {
    this.#isHeld = false;
    for (const pass of this.#held.splice(0)) pass();
  }

  /** The connections that there are end. Others pass. */
  cut(): void {
    this.#isHeld = false;
    this.#held.length = 0;
    for (const socket of this.#sockets.splice(0)) socket.destroy();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
