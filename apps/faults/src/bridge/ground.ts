import { mkdtempSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sender } from '@pageferry/core';
import { sharedMmap } from '@pageferry/shared-mmap';
import { NatsServer } from '@pageferry/testkit/nats-server';
import { write } from '../message.js';
import { pause, until } from '../until.js';
import { Child } from './child.js';
import { type BridgePlan, type BridgeVictim, lengthOf, planOf } from './plan.js';

/** How long the bridge, and the receiver that stays, may be away, in milliseconds: much longer than a restart takes. */
const PATIENCE = 60_000;
/** How long a receiver that was killed counts as alive. */
const SHORT_PATIENCE = 1000;
const ENDPOINT = 'nats:faults.bridge';
/** The sender waits until all is given back after so many: its history has to reach further back than that, and 128 more. */
const MESSAGES_A_FLUSH = 100;
const HISTORY = 512;

/** What came of a round. */
export interface BridgeRound {
  readonly plan: BridgePlan;
  /** How long after the kill the next message came to the receiver that stays, in milliseconds. */
  readonly resumed: number;
  readonly faults: readonly string[];
}

/** What came of all rounds. */
export interface BridgeReport {
  readonly rounds: readonly BridgeRound[];
  readonly messagesSent: number;
  /** What the receiver that stays has received. */
  readonly messagesReceived: number;
  /** What all receivers have received that were killed. */
  readonly messagesOfKilled: number;
  /** What was wrong in the end. */
  readonly faults: readonly string[];
}

/** A sender here, a bridge, a NATS server, and two receivers elsewhere: one stays, the other one is killed now and then. */
export class BridgeGround {
  readonly #seed: number;
  readonly #victims: readonly BridgeVictim[];
  readonly #folder: string;
  readonly #server: NatsServer;
  readonly #sender: Sender;
  #bridge: Child;
  readonly #steady: Child;
  #other: Child;
  #isOver = false;
  #sent = 0;
  #ofKilled = 0;
  readonly #sending: Promise<void>;

  private constructor(
    seed: number,
    among: readonly BridgeVictim[],
    server: NatsServer,
    folder: string,
    sender: Sender,
  ) {
    this.#seed = seed;
    this.#victims = among;
    this.#server = server;
    this.#folder = folder;
    this.#sender = sender;
    this.#bridge = this.#startBridge();
    this.#steady = this.#startReceiver(PATIENCE);
    this.#other = this.#startReceiver(SHORT_PATIENCE);
    this.#sending = this.#send();
  }

  /** Starts all of them. */
  static async create(seed: number, among: readonly BridgeVictim[]): Promise<BridgeGround> {
    const folder = mkdtempSync(join(tmpdir(), 'pageferry-faults-'));
    const server = await NatsServer.start();
    const sender = await sharedMmap.createSender({
      endpoint: join(folder, 'local'),
      history: HISTORY,
      // The history gives way where the pool is short.
      poolBytes: 256 * 1024 * 1024,
    });
    return new BridgeGround(seed, among, server, folder, sender);
  }

  /** Plays a round. */
  async play(round: number): Promise<BridgeRound> {
    const plan = planOf(this.#seed, round, this.#victims);
    const faults: string[] = [];
    const before = this.#received;
    if (!(await this.#arrived(before + plan.after))) faults.push('nothing arrives before the kill');
    await pause(plan.delay);
    const killedAt = performance.now();
    faults.push(...(await this.#kill(plan)));
    // What had arrived by then is known with the next words of the receiver.
    const then = this.#received;
    if (!(await this.#arrived(then + 1))) faults.push('nothing arrives any more');
    const resumed = performance.now() - killedAt;
    faults.push(...this.#steady.takeFaults(), ...this.#bridge.takeFaults());
    return { plan, resumed, faults };
  }

  /** Ends all of it in order. */
  async end(rounds: readonly BridgeRound[]): Promise<BridgeReport> {
    const faults: string[] = [];
    // It may be about to connect: then it would wait for the next sender.
    const before = this.#other.said.received ?? 0;
    const isThere = await until(() => (this.#other.said.received ?? 0) > before);
    if (!isThere) faults.push('nothing arrives at the receiver that was killed');
    this.#isOver = true;
    const tried = await settled(this.#sending);
    if (tried !== undefined) faults.push(tried);
    const closed = await settled(this.#sender.close({ timeout: 30_000 }));
    if (closed !== undefined) faults.push(closed);
    for (const each of [this.#steady, this.#other]) {
      if (!(await until(() => each.said.ended === true))) faults.push('a receiver sees no end');
      faults.push(...each.takeFaults());
    }
    const { received = 0, first } = this.#steady.said;
    if (first !== 0) faults.push(`the receiver that stays began with ${first}`);
    if (received !== this.#sent) faults.push(`${received} of ${this.#sent} messages have come`);
    const left = readdirSync(this.#folder);
    if (left.length > 0) faults.push(`left behind: ${left.join(', ')}`);
    return {
      rounds,
      messagesSent: this.#sent,
      messagesReceived: received,
      messagesOfKilled: this.#ofKilled,
      faults,
    };
  }

  /** Ends what is still there. */
  async remove(): Promise<void> {
    for (const each of [this.#bridge, this.#steady, this.#other])
      if (!each.isGone) await each.kill();
    await this.#sender.destroy();
    await this.#server.remove();
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #received(): number {
    return this.#steady.said.received ?? 0;
  }

  #arrived(count: number): Promise<boolean> {
    return until(() => this.#received >= count || this.#steady.isGone);
  }

  #startBridge(): Child {
    const local = join(this.#folder, 'local');
    return new Child('bridge', [local, this.#server.url, ENDPOINT, `${PATIENCE}`]);
  }

  #startReceiver(patience: number): Child {
    const again = patience === SHORT_PATIENCE ? ['again'] : [];
    return new Child('receiver', [this.#server.url, ENDPOINT, `${patience}`, ...again]);
  }

  /** @returns what those who were killed had seen go wrong. */
  async #kill({ victim, away }: BridgePlan): Promise<readonly string[]> {
    if (victim === 'receiver') {
      const killed = this.#other;
      await killed.kill();
      this.#ofKilled += killed.said.received ?? 0;
      await pause(away);
      this.#other = this.#startReceiver(SHORT_PATIENCE);
      return killed.takeFaults();
    }
    const faults: string[] = [];
    if (victim !== 'bridge') await this.#server.kill();
    if (victim !== 'server') {
      await this.#bridge.kill();
      faults.push(...this.#bridge.takeFaults());
    }
    await pause(away);
    if (victim !== 'bridge') await this.#server.start();
    if (victim !== 'server') this.#bridge = this.#startBridge();
    return faults;
  }

  /** Sends one message after the other. Waits for the bridge where there is none. */
  async #send(): Promise<void> {
    await until(() => this.#steady.said.connected === true && this.#other.said.connected === true);
    for (; !this.#isOver; this.#sent++) {
      const number = this.#sent;
      if (number % MESSAGES_A_FLUSH === 0) await this.#sender.flush();
      await this.#sender.waitForReceivers();
      using loan = await this.#sender.loan(lengthOf(this.#seed, number));
      write(loan.bytes, number);
      loan.tag = number;
      await loan.send();
    }
    // The end goes with the last message only if somebody is there to take it.
    await this.#sender.waitForReceivers();
    await this.#sender.flush();
  }
}

async function settled(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return String(error);
  }
}
