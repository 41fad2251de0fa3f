import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Capabilities, Receiver, Sender } from '@pageferry/core';
import { afterAll, afterEach } from 'vitest';
import type { Subject } from '../registration.js';
import type { Peer } from './peer.js';
import { PeerPool } from './peer-pool.js';
import { RemoteReceiver, RemoteSender } from './remote.js';
import { turns } from './settling.js';

/** Options without the endpoint, which the stage chooses. */
export type Options = Readonly<Record<string, unknown>>;

/** Options of a connected pair. */
export interface PairOptions {
  readonly sender?: Options;
  readonly receiver?: Options;
}

/**
 * What a test plays on: it makes senders, receivers and peers, and takes all of them down after the
 * test, whatever has become of it.
 */
export class Stage {
  readonly subject: Subject;
  readonly #pool: PeerPool;
  readonly #id = randomUUID();
  #folder: string | undefined;
  readonly #cleanups: (() => unknown)[] = [];
  #names = 0;
  /** Counts the tests; see {@link watch}. */
  #test = 0;

  constructor(subject: Subject) {
    this.subject = subject;
    this.#pool = new PeerPool(subject);
  }

  get capabilities(): Capabilities {
    return this.subject.transport.capabilities;
  }

  /** A path in a folder of the suite's own, which nothing exists at yet. */
  path(name: string): string {
    this.#names++;
    // Made when it is needed: where every test is skipped, nobody would remove it.
    this.#folder ??= mkdtempSync(join(tmpdir(), 'pageferry-'));
    return join(this.#folder, `${this.#names}-${name}`);
  }

  /** An endpoint that nobody has: a path as {@link path} makes it, or a name that an engine knows. */
  endpoint(name = 'endpoint'): string {
    const { endpoints } = this.subject;
    if (this.capabilities.localEndpoint) return this.path(name);
    if (endpoints === undefined)
      throw new Error('the registration does not say what endpoints are');
    this.#names++;
    return `${endpoints}${this.#id}.${this.#names}-${name}`;
  }

  /** Has `cleanup` called after the test; the last one first. */
  defer(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup);
  }

  /** A sender of this process. */
  async sender(options: Options = {}, endpoint = this.endpoint()): Promise<Sender> {
    const { transport, senderOptions } = this.subject;
    const sender = await transport.createSender({ endpoint, ...senderOptions, ...options });
    this.defer(() => sender.destroy());
    return sender;
  }

  /** A receiver of this process. */
  async receiver(endpoint: string, options: Options = {}): Promise<Receiver> {
    const { transport, receiverOptions } = this.subject;
    const receiver = await transport.createReceiver({ endpoint, ...receiverOptions, ...options });
    this.defer(() => receiver.close());
    return receiver;
  }

  /** A peer, which has nothing open. With `fresh`, one that no test has used before. */
  async peer(fresh = false): Promise<Peer> {
    const peer = await (fresh ? this.#pool.start() : this.#pool.take());
    this.defer(() => this.#pool.giveBack(peer));
    return peer;
  }

  /** A sender of a peer. */
  async remoteSender(endpoint: string, options: Options = {}, peer?: Peer): Promise<RemoteSender> {
    const owner = peer ?? (await this.peer());
    const all = { endpoint, ...this.subject.senderOptions, ...options };
    return new RemoteSender(owner, await owner.call('createSender', all));
  }

  /** A receiver of a peer. */
  async remoteReceiver(
    endpoint: string,
    options: Options = {},
    peer?: Peer,
  ): Promise<RemoteReceiver> {
    const owner = peer ?? (await this.peer());
    const all = { endpoint, ...this.subject.receiverOptions, ...options };
    return new RemoteReceiver(owner, await owner.call('createReceiver', all));
  }

  /** This process sends, a peer receives. */
  async outgoing(
    options: PairOptions = {},
  ): Promise<{ readonly sender: Sender; readonly receiver: RemoteReceiver }> {
    const sender = await this.sender(options.sender);
    const receiver = await this.remoteReceiver(sender.endpoint, options.receiver);
    await sender.waitForReceivers();
    return { sender, receiver };
  }

  /** A peer sends, this process receives. */
  async incoming(
    options: PairOptions = {},
  ): Promise<{ readonly sender: RemoteSender; readonly receiver: Receiver }> {
    const endpoint = this.endpoint();
    const sender = await this.remoteSender(endpoint, options.sender);
    const receiver = await this.receiver(endpoint, options.receiver);
    await sender.waitForReceivers(1);
    return { sender, receiver };
  }

  /**
   * Lets the event loop turn until `condition` holds: for what the contract announces to nobody. Ends
   * with the test.
   */
  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    const stillOn = this.watch();
    while (!(await condition())) {
      await turns(1);
      stillOn();
    }
  }

  /** A function that throws once the present test is over: no loop outlives its test. */
  watch(): () => void {
    const test = this.#test;
    return () => {
      if (this.#test !== test) throw new Error('the test is over');
    };
  }

  /** Takes down what the test has made. Throws what went wrong with it. */
  async clear(): Promise<void> {
    this.#test++;
    const errors: unknown[] = [];
    for (let cleanup = this.#cleanups.pop(); cleanup; cleanup = this.#cleanups.pop()) {
      try {
        await cleanup();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, 'the stage could not be cleared');
  }

  /** Ends the peers and removes the folder. */
  async close(): Promise<void> {
    await this.#pool.close();
    if (this.#folder) rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A stage for the tests of the `describe` block around the call. */
export function useStage(subject: Subject): Stage {
  return registerStage(new Stage(subject));
}

/** Has a stage cleared after each test of the `describe` block around the call, and closed after all of them. */
export function registerStage<S extends Stage>(stage: S): S {
  afterEach(() => stage.clear());
  afterAll(() => stage.close());
  return stage;
}
