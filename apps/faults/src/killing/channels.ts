import type { Channel } from '@pageferry/core';
import { LIMIT, until } from '../until.js';
import type { Point } from './plan.js';
import type { Round } from './round.js';
import {
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

/** All conversations of a round, which come to their end together. */
class Talks {
  readonly #round: Round;
  readonly #working: Promise<void>[] = [];
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
   * @param finishes whether this side ends the channel.
   * @returns how what came from the other side has ended. What is sent may wait for room until later.
   */
  async talk(channel: Channel, finishes: boolean, witness: Witness = this.#round): Promise<Told> {
    const served = serve(channel, this.#round.plan, witness);
    const working = this.#work(channel, witness);
    this.#working.push(working);
    await working;
    if (finishes) {
      // A question that the other side still asks is answered before.
      await Promise.all(this.#working);
      await channel.finish(LIMIT);
    }
    return served;
  }

  async #work(channel: Channel, witness: Witness): Promise<void> {
    const { plan } = this.#round;
    const isOver = () => this.#isOver;
    if (plan.pattern === 'channel') {
      await send(channel, plan, isOver);
      return;
    }
    const asking = [0, 1].map(() => ask(channel, plan, witness, isOver));
    const others = OTHERS[plan.point] ?? [];
    for (const told of await Promise.all(asking)) {
      if (told.ending !== 'end') this.#round.learn('whoever asks', told, ...others);
    }
  }
}

/** Connects and talks: `ended` resolves at the end of the round. */
async function connect(
  round: Round,
  talks: Talks,
  who: string,
): Promise<{ readonly ended: Promise<void> }> {
  const channel = await round.open.channel();
  let count = 0;
  const witness: Witness = {
    delivered: () => {
      count++;
      round.delivered();
    },
    fault: (what) => round.fault(what),
  };
  const ended = talks.talk(channel, true, witness).then(async ({ ending }) => {
    round.expect(ending === 'end', `${who} sees ${ending}`);
    round.expect(count > 0, `${who} gets nothing`);
    await channel.close(LIMIT);
  });
  // What a victim holds may be the whole pool of the listener: then others wait until it is killed.
  if (round.isKilled) round.expect(await until(() => count > 0), `${who} waits in vain`);
  return { ended };
}

/** A listener with two channels, the other side of one of which is killed; then another one comes. */
export async function killComer(round: Round): Promise<void> {
  const { open, plan } = round;
  const listener = await open.listener();
  const talks = new Talks(round);
  const endings: Promise<Ending>[] = [];
  const stop = new AbortController();
  const serveOne = async (channel: Channel): Promise<Ending> => {
    const told = await talks.talk(channel, false);
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
  talks.end();
  await Promise.all(surviving.map(({ ended }) => ended));
  stop.abort();
  const accepted = await accepting;
  round.expect(accepted === 'ABORTED', `the listener accepts nobody any more: ${accepted}`);
  const all = await Promise.all(endings);
  const dead = all.filter((ending) => ending !== 'end').length;
  const possible = plan.point === 'handshake' || plan.point === 'closing' ? [0, 1] : [1];
  round.expect(possible.includes(dead), `${dead} of ${all.length} channels have ended by a death`);
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
    const told = await talks.talk(channel, false);
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
