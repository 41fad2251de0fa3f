import type { Channel, Sender } from '@pageferry/core';
import type { Plan } from '../killing/plan.js';
import { ask, codeOf, type Ending, send, serve, type Witness } from '../killing/traffic.js';
import { LIMIT, pause } from '../until.js';

/** Between some messages and the next ones: a soak is about time, and not about speed. */
const REST = 4;

/** Lets the machine do something else. */
function rest(): Promise<void> {
  return pause(REST);
}

/** Sends so many messages, the first of which is number `first`, or fewer where `isOver` says so. @returns how many. */
export function sendSome(
  half: Pick<Sender, 'loan'>,
  plan: Plan,
  most: number,
  isOver: () => boolean = () => false,
  first = 0,
): Promise<number> {
  let sent = 0;
  return send(half, plan, () => isOver() || sent++ === most, rest, first);
}

/**
 * Talks until both sides have ended. A guest sends so many messages, or asks so many questions, and ends then; the house
 * sends, answers, and ends when the guest has: an answer would come too late after that.
 */
export async function talk(
  channel: Channel,
  plan: Plan,
  most: number,
  witness: Witness,
  isHouse: boolean,
): Promise<Ending> {
  const finish = () => channel.finish(LIMIT).then(() => 'end', codeOf);
  const served = serve(channel, plan, witness);
  const isAsking = plan.pattern === 'request' && !isHouse;
  const worked = isAsking ? await askSome(channel, plan, most, witness) : 'end';
  if (!isAsking) await sendSome(channel, plan, most);
  const told = isHouse ? await served : undefined;
  const finished = worked === 'end' ? await finish() : worked;
  const { ending: seen } = told ?? (await served);
  await channel.close(LIMIT);
  return seen === 'end' ? finished : seen;
}

async function askSome(
  channel: Channel,
  plan: Plan,
  most: number,
  witness: Witness,
): Promise<Ending> {
  let asked = 0;
  const { ending } = await ask(channel, plan, witness, () => asked++ === most, 0, rest);
  return ending;
}
