import type { Channel, Loan, Receiver, Sender } from '@pageferry/core';
import { type BackendName, loadBackend } from '../backends.js';
import { pause } from '../until.js';
import { openers } from './openers.js';
import { type Plan, poolBytesOf } from './plan.js';
import { ask, codeOf, compose, follow, send, serve, type Witness } from './traffic.js';
import type { Said, Task } from './victim-process.js';

/**
 * The process that is killed: plays its side of a round up to the point of the plan, says that it is there, and goes
 * on until it is killed.
 */
const say = (said: Said): void => void process.send?.(said);
const witness: Witness = { delivered: () => undefined, fault: (fault) => say({ fault }) };
const never = (): boolean => false;
/** What it holds until it dies: the garbage collector must not take it for lost. */
const held: unknown[] = [];

// Whoever has started it may be gone before it was killed.
process.once('disconnect', () => process.exit());
const backend = await loadBackend(process.argv[2] as BackendName);
process.once('message', (task: Task) => {
  play(task).catch((error) => witness.fault(codeOf(error)));
});
say({ said: 'loaded' });

async function play({ plan, endpoint }: Task): Promise<void> {
  const open = openers(backend, plan, endpoint);
  if (plan.pattern === 'pool') {
    const { own } = await import('./pool-owner.js');
    await own(backend, plan, endpoint, () => say({ said: 'at' }));
    return;
  }
  if (plan.pattern === 'publish') {
    if (plan.victim === 'opener') await publish(await open.sender(), plan);
    else await receive(await open.receiver(plan.policy), plan);
    return;
  }
  const isOpener = plan.victim === 'opener';
  const channel = isOpener ? await (await open.listener()).accept() : await open.channel();
  await talk(channel, plan);
}

async function publish(sender: Sender, plan: Plan): Promise<void> {
  await sender.waitForReceivers(2);
  if (plan.point === 'parked') return await park(sender, plan);
  if (plan.point === 'holding') return await hold(sender, plan);
  if (plan.point === 'growing') return await grow(sender, plan);
  if (plan.point === 'closing') {
    await sendSome(sender, plan);
    say({ said: 'at' });
    await sender.close();
    return;
  }
  const sending = send(sender, plan, never);
  say({ said: 'at' });
  await sending;
}

/** Sends so few that nobody is behind. */
async function sendSome(half: Pick<Sender, 'loan'>, plan: Plan): Promise<void> {
  const count = 1 + (plan.lengths % 20);
  let sent = 0;
  await send(half, plan, () => sent++ === count);
}

/** Waits: for receivers that do not come, for those that hold, or for room. */
async function park(sender: Sender, plan: Plan): Promise<void> {
  await sendSome(sender, plan);
  say({ said: 'at' });
  if (plan.lengths % 3 === 0) await sender.waitForReceivers(60);
  else if (plan.lengths % 3 === 1) await sender.flush();
  else await takeAll(sender, plan);
}

/** Takes loans until one has to wait, for ever. */
async function takeAll(half: Pick<Sender, 'loan'>, plan: Plan): Promise<void> {
  const loans: Loan[] = [];
  for (;;) loans.push(await half.loan(poolBytesOf(plan) / 8));
}

async function hold(half: Pick<Sender, 'loan'>, plan: Plan): Promise<void> {
  const loans: Loan[] = [];
  for (let number = 0; number < 3; number++) loans.push(await compose(half, plan, number));
  await loans.shift()?.send();
  say({ said: 'at' });
  await pause(2 ** 31 - 1);
}

/** Takes more and more of the pool, gives it back, and begins anew: the first time it is allocated. */
async function grow(half: Pick<Sender, 'loan' | 'tryLoan'>, plan: Plan): Promise<void> {
  say({ said: 'at' });
  for (let number = 0; ; number++) {
    const loans: Loan[] = [];
    for (let count = 0; count < 40; count++) loans.push(await compose(half, plan, number));
    await loans.shift()?.send();
    for (const loan of loans) loan.release();
  }
}

async function receive(receiver: Receiver, plan: Plan): Promise<void> {
  if (plan.point === 'holding' || plan.point === 'closing') {
    for (let count = 0; count < 3; count++) held.push(await receiver.receive());
    say({ said: 'at' });
    if (plan.point === 'closing') await receiver.close();
    return;
  }
  say({ said: 'at' });
  // The stream may have left some out for one that has asked for that.
  const { ending } = await follow(receiver, plan, witness, plan.policy === 'wait');
  witness.fault(`the stream has ended: ${ending}`);
}

async function talk(channel: Channel, plan: Plan): Promise<void> {
  if (plan.point === 'parked') {
    say({ said: 'at' });
    held.push(await channel.receive());
    await channel.flush();
    await takeAll(channel, plan);
  } else if (plan.point === 'holding') {
    // Questions, too, stay open until it dies: the other side has two at once.
    for (let count = 0; count < 2; count++) held.push(await channel.receive());
    await hold(channel, plan);
  } else if (plan.point === 'growing') {
    await Promise.all([serve(channel, plan, witness), grow(channel, plan)]);
  } else {
    const isRequest = plan.pattern === 'request';
    const working = isRequest ? ask(channel, plan, witness, never) : send(channel, plan, never);
    const both = Promise.all([serve(channel, plan, witness), working]);
    say({ said: 'at' });
    if (plan.point !== 'closing') await both;
    // What is under way here rejects with CLOSED.
    else await Promise.all([channel.close(), both.catch(() => undefined)]);
  }
}
