import type { Channel } from '@pageferry/core';
import { LIMIT, until } from '../until.js';
import type { Point } from './plan.js';
import type { Round } from './round.js';
import {
  ASKERS,
  ask,
  codeOf,
  type Ending,
  send,
  serve,
  type Told,
  toldNow,
  type Witness,
} from './traffic.js';

/**
 * What whoever asks may be told besides, where the victim closes, or where the next listener, which answers nothing,
 * may be the first that there is.
 */
const OTHERS: Partial<Record<Point, readonly Ending[]>> = {
  closing: ['REQUEST_UNANSWERED'],
  handshake: ['REQUEST_UNANSWERED'],
};

/** How many messages, or questions, went from one side to the other in the talks that have ended in good order. */
interface Tally {
  sent: number;
  served: number;
}

/** All conversations of a round, which come to their end together. */
class Talks {
  readonly #round: Round;
  readonly #working: Promise<number>[] = [];
  /** Of those who end their channels, and of those who wait for that. */
  readonly #tallies: Readonly<Record<'leavers' | 'stayers', Tally>> = {
    leavers: { sent: 0, served: 0 },
    stayers: { sent: 0, served: 0 },
  };
  #isOver = false;

  constructor(round: Round) {
    this.#round = round;
  }

  /** Has everybody stop sending and asking. */
  end(): void {
    this.#isOver = true;
  }

  /**
   * Sends, or asks and answers, until {@link end} or until the other side is gone.
   *
   * @param who this side is: who leaves ends the channel, and who stays waits for that.
   * @returns how what came from the other side has ended. What is sent may wait for room until later.
   */
  async talk(
    channel: Channel,
    who: 'leavers' | 'stayers',
    witness: Witness = this.#round,
  ): Promise<Told> {
    const serving = serve(channel, this.#round.plan, witness);
    const working = this.#work(channel, witness);
    this.#working.push(working);
    const sent = await working;
    if (who === 'leavers') {
      // A question that the other side still asks is answered before.
      await Promise.all(this.#working);
      await channel.finish(LIMIT);
    }
    const served = await serving;
    if (served.ending === 'end') {
      this.#tallies[who].sent += sent;
      this.#tallies[who].served += served.count;
    }
    return served;
  }

  /** Everything has come that went from one to the other, where nobody but those who live has ended in good order. */
  expectAll(): void {
    const { leavers, stayers } = this.#tallies;
    for (const [{ sent }, { served }] of [
      [leavers, stayers],
      [stayers, leavers],
    ] as const) {
      this.#round.expect(sent === served, `${served} of ${sent} messages have come`);
    }
  }

  /** @returns how many messages were sent, or questions answered. */
  async #work(channel: Channel, witness: Witness): Promise<number> {
    const { plan } = this.#round;
    // A victim that is parked waits for a message as often as for room.
    const isQuiet = plan.point === 'parked' && plan.lengths % 2 === 0;
    if (isQuiet) await this.#round.untilKilled();
    const isOver = () => this.#isOver;
    if (plan.pattern === 'channel') return send(channel, plan, isOver);
    const asking = Array.from({ length: ASKERS }, (_, asker) =>
      ask(channel, plan, witness, isOver, asker),
    );
    const others = OTHERS[plan.point] ?? [];
    let count = 0;
    for (const told of await Promise.all(asking)) {
      if (told.ending !== 'end') this.#round.learn('whoever asks', told, ...others);
      count += told.count;
    }
    return count;
  }
}

/** Who has connected and talks. */
interface Survivor {
  /** Resolves at the end of the round. */
  readonly ended: Promise<void>;
  /** Whether anything has come to it. */
  isServed(): boolean;
}

/** Connects and talks. */
async function connect(round: Round, talks: Talks, who: string): Promise<Survivor> {
  const channel = await round.open.channel();
  let count = 0;
  const witness: Witness = {
    delivered: () => {
      count++;
      round.delivered();
    },
    fault: (what) => round.fault(what),
  };
  const ended = talks.talk(channel, 'leavers', witness).then(async ({ ending }) => {
    round.expect(ending === 'end', `${who} sees ${ending}`);
    round.expect(count > 0, `${who} gets nothing`);
    await channel.close(LIMIT);
  });
  return { ended, isServed: () => count > 0 };
}

/** A listener with two channels, the other side of one of which is killed; then another one comes. */
export async function killComer(round: Round): Promise<void> {
  const { open, plan } = round;
  const listener = await open.listener();
  const talks = new Talks(round);
  const endings: Promise<Ending>[] = [];
  const stop = new AbortController();
  const serveOne = async (channel: Channel): Promise<Ending> => {
    const told = await talks.talk(channel, 'stayers');
    if (told.ending !== 'end') round.learn('the listener', told);
    await channel.close(LIMIT);
    return told.ending;
  };
  const accepting = (async () => {
    for (;;) endings.push(serveOne(await listener.accept({ signal: stop.signal })));
  })().catch(codeOf);
  const surviving = [await connect(round, talks, 'the survivor')];
  await round.begin();
  await round.kill();
  surviving.push(await connect(round, talks, 'a newcomer'));
  // What a victim holds may be the whole pool of the listener: then others wait until it is killed.
  const areServed = await until(() => surviving.every((each) => each.isServed()));
  round.expect(areServed, 'somebody waits in vain');
  talks.end();
  await Promise.all(surviving.map(({ ended }) => ended));
  stop.abort();
  const accepted = await accepting;
  round.expect(accepted === 'ABORTED', `the listener accepts nobody any more: ${accepted}`);
  const all = await Promise.all(endings);
  const dead = all.filter((ending) => ending !== 'end').length;
  const possible = plan.point === 'handshake' || plan.point === 'closing' ? [0, 1] : [1];
  round.expect(possible.includes(dead), `${dead} of ${all.length} channels have ended by a death`);
  if (dead === 1 && all.length === 1 + surviving.length) talks.expectAll();
  await listener.close(LIMIT);
}

/** One who has connected to a listener that is killed; then another listener comes in its place. */
export async function killListener(round: Round): Promise<void> {
  const { open, plan } = round;
  const talks = new Talks(round);
  await round.begin();
  let isConnected = false;
  const talking = (async () => {
    const channel = await open.channel().finally(() => {
      isConnected = true;
    });
    const told = await talks.talk(channel, 'stayers');
    if (told.ending !== 'end') {
      const outcome = await channel.send(new Uint8Array(8), LIMIT);
      round.expect(outcome === 'no-receiver', `a message to the dead is ${outcome}`);
    }
    await channel.close(LIMIT);
    return told;
  })().catch((error) => toldNow(codeOf(error)));
  await round.kill();
  const next = await open.listener();
  const serving = (async () => {
    for await (const delivery of next) {
      round.delivered();
      delivery.release();
    }
  })().catch(codeOf);
  const newcomer = await open.channel();
  const outcome = await newcomer.send(new Uint8Array(100), LIMIT);
  round.expect(outcome === 'sent', `to the next listener a message is ${outcome}`);
  await newcomer.flush(LIMIT);
  round.expect(await until(() => isConnected), 'nobody who waits finds the next listener');
  talks.end();
  await newcomer.close(LIMIT);
  await next.close(LIMIT);
  round.expect((await serving) === 'CLOSED', 'the next listener does not serve to its end');
  // Whoever was not connected yet when the first one died has come to the next.
  const told = await talking;
  if (plan.point === 'handshake') round.learn('whoever has connected', told, 'end');
  else round.learn('whoever has connected', told);
}
