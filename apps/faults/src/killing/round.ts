import type { Backend } from '../backends.js';
import { type Openers, openers } from './openers.js';
import type { Plan } from './plan.js';
import { type Ending, type Told, turn, type Witness } from './traffic.js';
import type { VictimProcess } from './victim-process.js';

/** What has come of a round. */
export interface Outcome {
  /** How many messages and answers came to those who live, each of which was looked at. */
  readonly delivered: number;
  /** How long after the kill each of those who were concerned knew of it, in milliseconds. */
  readonly learned: readonly number[];
  /** What went wrong, as sentences. */
  readonly faults: readonly string[];
}

/** One round: one side is killed, and what that does to the others is noted. */
export class Round implements Witness {
  readonly plan: Plan;
  readonly endpoint: string;
  readonly open: Openers;
  readonly victim: VictimProcess;
  readonly #faults: string[] = [];
  readonly #learned: number[] = [];
  #delivered = 0;

  constructor(backend: Backend, plan: Plan, endpoint: string, victim: VictimProcess) {
    this.plan = plan;
    this.endpoint = endpoint;
    this.victim = victim;
    this.open = openers(backend, plan, endpoint);
  }

  get outcome(): Outcome {
    const faults = [...this.#faults, ...this.victim.faults.map((fault) => `the victim ${fault}`)];
    return { delivered: this.#delivered, learned: this.#learned, faults };
  }

  /** True once the victim is killed. */
  get isKilled(): boolean {
    return this.victim.killedAt !== undefined;
  }

  delivered(): void {
    this.#delivered++;
  }

  fault(what: string): void {
    this.#faults.push(what);
  }

  /**
   * Whoever was connected to the victim knows of its end.
   *
   * @param told an error that says so; the orderly end only where the victim was closing.
   * @param others what else it may be.
   */
  learn(who: string, { ending, at }: Told, ...others: readonly Ending[]): void {
    const { killedAt } = this.victim;
    if (this.plan.point === 'closing' && ending === 'end') return;
    if (others.includes(ending)) return;
    if (ending !== 'PEER_DIED') this.fault(`${who} sees ${ending} when the other side is killed`);
    // One that closes a channel and is killed before all has left may be known to be gone by then.
    else if (killedAt !== undefined) this.#learned.push(at - killedAt);
    else if (this.plan.point !== 'closing') this.fault(`${who} is told of a death before it`);
  }

  /** Has the victim begin its side. */
  async begin(): Promise<void> {
    await this.victim.begin({ plan: this.plan, endpoint: this.endpoint });
  }

  /** Kills the victim as the plan has it. */
  async kill(): Promise<void> {
    await this.victim.kill(this.plan);
  }

  /** Waits until the victim is killed. */
  async untilKilled(): Promise<void> {
    while (!this.isKilled) await turn();
  }

  /** Notes how long ago the victim was killed. */
  noteLearned(): void {
    const { killedAt } = this.victim;
    if (killedAt !== undefined) this.#learned.push(performance.now() - killedAt);
  }

  expect(isSo: boolean, otherwise: string): void {
    if (!isSo) this.fault(otherwise);
  }
}
