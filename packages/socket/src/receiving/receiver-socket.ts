import { type ConnectOpts, Socket, type SocketConstructorOpts } from 'node:net';

/** Where a {@link ReceiverSocket} reads to, and whom it tells. */
export interface ByteSink {
  /**
   * Memory for the bytes that come next, at least one byte of it. It must stay usable until the next
   * call: the socket may have been told to read into it and be at rest.
   */
  target(): Buffer;
  /**
   * `bytes`, a part of what `target` returned last, have arrived.
   *
   * @returns false to read no more until {@link ReceiverSocket.readOn}.
   */
  arrived(bytes: Buffer): boolean;
  /** Nothing more will arrive. Called once. */
  gone(): void;
}

/** Where a socket reads to that is about to be destroyed. */
const NOWHERE = Buffer.alloc(1);

/**
 * The receiver's end of a connection. It reads straight into the memory that its sink names, and
 * stays readable when writing to it fails: what a dead sender has sent before is still to be had.
 */
export class ReceiverSocket extends Socket {
  #sink: ByteSink;
  #reading = true;
  #gone = false;
  #cause: Error | undefined;

  /** @param sink gets everything that arrives, until {@link attach} names another one. */
  constructor(sink: ByteSink) {
    const options: ConnectOpts = {
      onread: {
        // Bun asks in the constructor already, where there is no `this` yet.
        buffer: () => (isMade ? this.#target() : sink.target()),
        callback: (length, buffer) => this.#arrived(length, buffer as Buffer),
      },
    };
    let isMade = false;
    super(options as SocketConstructorOpts); // The constructor takes it; its type does not say so.
    isMade = true;
    this.#sink = sink;
    this.on('error', (error) => {
      this.#cause = error;
    });
    this.once('close', () => {
      this.#gone = true;
      this.#sink.gone();
    });
  }

  /** True once nothing more will arrive. */
  get gone(): boolean {
    return this.#gone;
  }

  /** What ended the connection, if it was an error. */
  get cause(): Error | undefined {
    return this.#cause;
  }

  /** Hands everything that arrives from now on to `sink`. */
  attach(sink: ByteSink): void {
    this.#sink = sink;
  }

  /** Goes on reading after the sink had enough. */
  readOn(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.resume();
  }

  /** Node calls this out of the event loop: what is thrown here is the end of the connection alone. */
  #target(): Buffer {
    try {
      return this.#sink.target();
    } catch (error) {
      this.destroy(error as Error);
      return NOWHERE;
    }
  }

  #arrived(length: number, buffer: Buffer): boolean {
    try {
      this.#reading = this.#sink.arrived(buffer.subarray(0, length));
    } catch (error) {
      this.destroy(error as Error);
      this.#reading = false;
    }
    return this.#reading;
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: () => void): void {
    // An error would have Node destroy the socket, and lose what was not read yet.
    super._write(chunk, encoding, () => done());
  }
}
