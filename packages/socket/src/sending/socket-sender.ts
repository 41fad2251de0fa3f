import type { Socket } from 'node:net';
import {
  allowsOthers,
  BaseSender,
  ConnectionFailures,
  LoopBudget,
  Presence,
  WaitList,
} from '@pageferry/core';
import { capabilities } from '../capabilities.js';
import { Endpoint } from '../endpoint/endpoint.js';
import { type BufferLoan, LoanPool } from '../memory/loan-pool.js';
import type { SenderSettings } from '../options.js';
import { NAME } from '../protocol/name.js';
import { Greeter } from './greeter.js';
import { Outbox } from './outbox.js';
import { Subscriber } from './subscriber.js';

/** The sending side of the socket transport: publishes to everybody who connects to an endpoint. */
export class SocketSender extends BaseSender<BufferLoan> {
  readonly #waits: WaitList;
  readonly #failures: ConnectionFailures;
  readonly #pool: LoanPool;
  readonly #outbox: Outbox<Subscriber>;
  readonly #greeter: Greeter;
  #endpoint: Endpoint | undefined;
  #nextId = 0;

  private constructor(settings: SenderSettings, patience: number | undefined) {
    const waits = new WaitList();
    const failures = new ConnectionFailures();
    const presence = new Presence();
    const pool = new LoanPool(settings.poolBytes);
    const outbox = new Outbox<Subscriber>(pool, waits, presence);
    let keepAlive: ((on: boolean) => void) | undefined;
    super({
      ...settings,
      capabilities,
      budget: new LoopBudget(settings.spinMicroseconds),
      waits,
      presence,
      failures,
      outbox,
      method: { method: 'write' },
      keepAlive: (on) => keepAlive?.(on),
    });
    presence.reportAs(settings.endpoint);
    this.#waits = waits;
    this.#failures = failures;
    this.#pool = pool;
    this.#outbox = outbox;
    this.#greeter = new Greeter({
      mechanism: NAME,
      hasRoom: () => outbox.count() < settings.maxReceivers,
      admit: (socket, rest) => this.#admit(socket, rest),
      inspect: allowsOthers(settings.allow) ? undefined : () => this.inspect(),
      patience,
    });
    keepAlive = (on) => {
      this.#endpoint?.keepAlive(on);
      this.#greeter.keepAlive(on);
      outbox.keepAlive(on);
    };
  }

  /**
   * Binds the endpoint.
   *
   * @param patience how long a receiver may take to say hello, in milliseconds.
   * @throws as `Transport.createSender`.
   */
  static async create(settings: SenderSettings, patience?: number): Promise<SocketSender> {
    const sender = new SocketSender(settings, patience);
    sender.#endpoint = await Endpoint.bind(
      settings.endpoint,
      sender.#greeter.greet,
      settings.allow,
    );
    return sender;
  }

  // The end leaves like a message, so that closing waits for it under the same time limit.
  protected override announceEnd(): void {
    this.#stopListening();
    this.#outbox.finish();
  }

  protected override async end(inOrder: boolean): Promise<void> {
    this.#stopListening();
    const subscribers = [...this.#outbox.subscribers];
    if (inOrder) await Promise.all(subscribers.map((subscriber) => subscriber.end()));
    else for (const subscriber of subscribers) subscriber.close();
    this.#pool.clear();
    await this.#endpoint?.close();
  }

  #stopListening(): void {
    void this.#endpoint?.close();
    this.#greeter.close();
  }

  #admit(socket: Socket, rest: Buffer): void {
    const subscriber = new Subscriber(this.#nextId++, socket, {
      onReleased: (message) => this.#outbox.takeBack(message),
      onChange: () => this.#waits.wake(),
      onFailure: (error) => this.#failures.add(error),
      onGone: (gone) => this.#outbox.remove(gone),
    });
    this.#outbox.add(subscriber);
    if (rest.length > 0) subscriber.receive(rest);
    this.#waits.wake();
  }
}
