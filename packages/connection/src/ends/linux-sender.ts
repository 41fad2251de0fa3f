import {
  BaseSender,
  type BaseSenderSettings,
  ConnectionFailures,
  type LoanMemory,
  LoopBudget,
  type Outbox,
  Presence,
} from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';
import type { Endpoint } from '../rendezvous/endpoint.js';
import { Listener, type ListenerSettings } from '../rendezvous/listener.js';
import { AdaptiveWaits } from '../waiting/adaptive-waits.js';

/** What a sender and its outbox share. */
export interface SenderParts {
  /** How long the sender may hold the event loop. */
  readonly budget: LoopBudget;
  /** How it waits: it polls, lets the loop turn, and parks. */
  readonly waits: AdaptiveWaits;
  /** Who is connected. */
  readonly presence: Presence;
  /** Connections that were ended because a call failed. */
  readonly failures: ConnectionFailures;
}

/**
 * The parts that a sender and its outbox share.
 *
 * @param spinMicroseconds for how long a wait may poll.
 * @param arm tells the other side that this one is about to park.
 */
export function createSenderParts(
  calls: LinuxCalls,
  spinMicroseconds: number,
  arm: () => void,
): SenderParts {
  const budget = new LoopBudget(spinMicroseconds);
  return {
    budget,
    waits: new AdaptiveWaits({ calls, budget, spinMicroseconds, arm }),
    presence: new Presence(),
    failures: new ConnectionFailures(),
  };
}

/** An outbox whose subscribers have connections. */
export interface ConnectedOutbox<M extends LoanMemory> extends Outbox<M> {
  /** Whether the connections keep the event loop alive. They do until this is called. */
  keepAlive(on: boolean): void;
  /** Tells every receiver that this was all. */
  finish(): void;
  /** Lets everything go, at once. */
  close(): void;
}

/** What a {@link LinuxSender} needs. It takes the endpoint and the outbox over. */
export interface LinuxSenderSettings<M extends LoanMemory, O extends ConnectedOutbox<M>>
  extends SenderParts,
    Omit<
      BaseSenderSettings<M>,
      keyof SenderParts | 'endpoint' | 'outbox' | 'checkMayCome' | 'keepAlive'
    > {
  /** The system calls of a binding. */
  readonly calls: LinuxCalls;
  /** As it was asked for. */
  readonly endpoint: string;
  /** The same, bound. */
  readonly bound: Endpoint;
  /** What the mechanism does with a message. It is closed with the sender. */
  readonly outbox: O;
  /** See {@link ListenerSettings.mechanism}. */
  readonly mechanism: string;
  /** Whether one more receiver can be served. */
  readonly hasRoom: () => boolean;
}

/** The sending side of a Linux mechanism: a listener, and an outbox that serves whoever comes. */
export abstract class LinuxSender<
  M extends LoanMemory,
  O extends ConnectedOutbox<M>,
> extends BaseSender<M> {
  /** The system calls, for what a mechanism does besides. */
  protected readonly calls: LinuxCalls;
  /** The mechanism's share of the sender. */
  protected readonly outbox: O;
  readonly #bound: Endpoint;
  readonly #listener: Listener;
  #nextId = 0;

  protected constructor(settings: LinuxSenderSettings<M, O>) {
    const { calls, bound, outbox, mechanism, hasRoom, waits } = settings;
    let listener: Listener | undefined;
    super({
      ...settings,
      checkMayCome: () => listener?.checkMayCome(),
      keepAlive: (on) => {
        listener?.keepAlive(on);
        outbox.keepAlive(on);
      },
    });
    this.calls = calls;
    this.outbox = outbox;
    settings.presence.reportAs(settings.endpoint);
    this.#bound = bound;
    listener = new Listener(calls, bound, {
      mechanism,
      hasRoom: () => !this.closed && hasRoom(),
      admit: (...receiver) => this.admit(this.#nextId++, ...receiver),
      inspect: () => this.inspect(),
      onOver: () => waits.wake(),
    });
    this.#listener = listener;
  }

  /**
   * Sets up the connection to a receiver, and adds it to the outbox. See {@link ListenerSettings.admit}.
   *
   * @param id of the connection, unique for the life of the sender.
   */
  protected abstract admit(id: number, ...receiver: Parameters<ListenerSettings['admit']>): void;

  protected override async end(inOrder: boolean): Promise<void> {
    if (inOrder) this.outbox.finish();
    this.#listener.close();
    this.#bound.close();
    this.outbox.close();
  }
}
