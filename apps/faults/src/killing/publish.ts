import { LIMIT, until } from '../until.js';
import type { Round } from './round.js';
import { codeOf, compose, follow, send, type Told, toldNow } from './traffic.js';

/** Two receivers, whose sender is killed; then another one comes in its place. */
export async function killSender(round: Round): Promise<void> {
  const { plan, open } = round;
  await round.begin();
  let connected = 0;
  const following = ['one receiver', 'the other receiver'].map(async (who) => {
    let isLate = false;
    const told = await followOne(round, () => {
      connected++;
      isLate = round.isKilled;
    });
    // Whoever was not connected yet when the sender died comes to the next one, also where that one had let it in.
    if (isLate || plan.point === 'handshake') round.learn(who, told, 'end');
    else round.learn(who, told);
  });
  const over = new AbortController();
  const joining = plan.point === 'history' ? joinAndLeave(round, over.signal) : undefined;
  await round.kill();
  const next = await open.sender();
  const newcomer = await open.receiver('wait');
  const served = follow(newcomer, plan, round, true);
  await next.waitForReceivers(1, LIMIT);
  const loan = await compose(next, plan, 0);
  round.expect((await loan.send(LIMIT)) === 'sent', 'the next sender does not send');
  round.expect(
    await until(() => connected === 2),
    `${2 - connected} receivers do not find the next sender`,
  );
  await next.close(LIMIT);
  const { ending, count } = await served;
  round.expect(ending === 'end' && count === 1, `a newcomer sees ${count} messages and ${ending}`);
  await newcomer.close();
  over.abort();
  await Promise.all([...following, joining]);
}

/**
 * Joins, takes some of what was kept, and leaves: again and again until the victim is killed.
 *
 * @param over fires when the next sender has closed, too, and nobody else will come.
 */
async function joinAndLeave(round: Round, over: AbortSignal): Promise<void> {
  const { plan, open } = round;
  while (!round.isKilled) {
    try {
      const receiver = await open.receiver(plan.policy, over);
      const { ending, count } = await follow(receiver, plan, round, plan.policy === 'wait', {
        most: 1 + (plan.lengths % 20),
      });
      // Whoever joins when the victim is dead has come to the next sender.
      const isPossible = count > 0 || ['PEER_DIED', 'end'].includes(ending);
      round.expect(isPossible, `whoever joins sees ${ending}`);
      await receiver.close();
    } catch (error) {
      // It may die while it lets somebody in.
      const isPossible = over.aborted || (round.isKilled && codeOf(error) === 'PEER_DIED');
      round.expect(isPossible, `whoever joins sees ${codeOf(error)}`);
    }
  }
}

/** @param onOpen called once it is connected, or cannot be. */
async function followOne(round: Round, onOpen: () => void): Promise<Told> {
  try {
    const receiver = await round.open.receiver(round.plan.policy).finally(onOpen);
    const told = await follow(receiver, round.plan, round, round.plan.policy === 'wait');
    await receiver.close();
    return told;
  } catch (error) {
    return toldNow(codeOf(error));
  }
}

/** A sender with two receivers, one of which is killed; then another one comes. */
export async function killReceiver(round: Round): Promise<void> {
  const { plan, open } = round;
  const sender = await open.sender();
  const survivor = await open.receiver('wait');
  const surviving = follow(survivor, plan, round, true);
  await sender.waitForReceivers(1, LIMIT);
  let isOver = false;
  let left = 0;
  sender.on('leave', () => {
    left++;
    if (round.isKilled) round.noteLearned();
    else round.expect(plan.point === 'closing', 'the sender is told of a death before it');
  });
  const isQuiet = () => plan.point === 'parked' && !round.isKilled;
  const sending = isQuiet()
    ? sendAfter(round, sender, () => isOver)
    : send(sender, plan, () => isOver);
  await round.begin();
  await round.kill();
  const isAlone = await until(() => sender.receivers.length === 1);
  round.expect(isAlone, `the sender still has ${sender.receivers.length} receivers`);
  // It may not have come at all. Otherwise its leaving is told soon, which may be after the list is shorter.
  const isTold = plan.point === 'handshake' || (await until(() => left > 0));
  round.expect(isTold, 'the sender is not told of a death');
  const newcomer = await open.receiver('wait');
  const before = sender.stats().messagesSent;
  const served = follow(newcomer, plan, round, true);
  round.expect(
    await until(() => sender.stats().messagesSent > before + 20),
    'the sender stands still',
  );
  isOver = true;
  const sent = await sending;
  round.expect(left <= 1, `${left} have left the sender`);
  await sender.close(LIMIT);
  const { ending, count } = await surviving;
  round.expect(ending === 'end', `the survivor sees ${ending}`);
  round.expect(count === sent, `the survivor has got ${count} of ${sent} messages`);
  const newcomers = await served;
  const isServed = newcomers.ending === 'end' && newcomers.count > 0;
  round.expect(isServed, `a newcomer sees ${newcomers.count} messages and ${newcomers.ending}`);
  await Promise.all([survivor.close(), newcomer.close()]);
}

/** Sends nothing before the victim is killed, so that it waits until then. */
async function sendAfter(
  round: Round,
  sender: Parameters<typeof send>[0],
  isOver: () => boolean,
): Promise<number> {
  await round.untilKilled();
  return send(sender, round.plan, isOver);
}
