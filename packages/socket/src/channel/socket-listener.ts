import type { Socket } from 'node:net';
import {
  allowsOthers,
  BaseListener,
  BufferPool,
  type Lender,
  type ListenSettings,
  type LoanMemory,
  LoopBudget,
  WaitList,
} from '@pageferry/core';
import { capabilities } from '../capabilities.js';
import { Endpoint } from '../endpoint/endpoint.js';
import { LoanPool } from '../memory/loan-pool.js';
import { CHANNEL_NAME } from '../protocol/channel.js';
import { Greeter } from '../sending/greeter.js';
import { makeChannel } from './make-channel.js';

/** The listening side of channels over a socket. */
export class SocketListener extends BaseListener {
  readonly #settings: ListenSettings;
  readonly #pool: LoanPool;
  readonly #incoming: BufferPool;
  readonly #waits: WaitList;
  readonly #greeter: Greeter;
  #endpoint: Endpoint | undefined;
  /** How many are not closed. */
  #open = 0;

  private constructor(settings: ListenSettings, patience: number | undefined) {
    const { endpoint, poolBytes, maxChannels, spinMicroseconds, histograms } = settings;
    const waits = new WaitList();
    const pool = new LoanPool(poolBytes);
    pool.join(waits);
    let keepAlive: ((on: boolean) => void) | undefined;
    super({
      endpoint,
      budget: new LoopBudget(spinMicroseconds),
      waits,
      // It gets back what it has lent.
      lender: pool as Lender<never> as Lender<LoanMemory>,
      capabilities,
      poolBytes,
      histograms,
      keepAlive: (on) => keepAlive?.(on),
    });
    this.#settings = settings;
    this.#pool = pool;
    this.#incoming = new BufferPool(settings.maxBorrowedBytes);
    this.#waits = waits;
    this.#greeter = new Greeter({
      mechanism: CHANNEL_NAME,
      hasRoom: () => this.#open < maxChannels,
      admit: (socket, rest) => this.#admit(socket, rest),
      inspect: allowsOthers(settings.allow) ? undefined : () => this.inspect(),
      patience,
    });
    keepAlive = (on) => {
      this.#endpoint?.keepAlive(on);
      this.#greeter.keepAlive(on);
    };
  }

  /**
   * Binds the endpoint.
   *
   * @param patience how long somebody may take to say hello, in milliseconds.
   * @throws as `Transport.listen`.
   */
  static async create(settings: ListenSettings, patience?: number): Promise<SocketListener> {
    const listener = new SocketListener(settings, patience);
    listener.#endpoint = await Endpoint.bind(
      settings.endpoint,
      listener.#greeter.greet,
      settings.allow,
    );
    return listener;
  }

  protected override stopListening(): void {
    void this.#endpoint?.close();
    this.#greeter.close();
  }

  protected override freePool(): void {
    this.#pool.clear();
    this.#incoming.clear();
  }

  #admit(socket: Socket, rest: Buffer): void {
    const { channel, connection } = makeChannel({
      socket,
      settings: this.#settings,
      pool: this.#pool,
      incoming: this.#incoming,
      onNews: () => this.#waits.wake(),
      onHangUp: (gone) => this.peerHungUp(gone),
      onClose: (closed) => {
        this.#open--;
        this.channelClosed(closed);
      },
    });
    this.#open++;
    socket.on('data', (bytes) => connection.receive(bytes));
    this.admit(channel);
    if (rest.length > 0) connection.receive(rest);
  }
}
