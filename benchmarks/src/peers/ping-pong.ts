import type { Delivery, Receiver, Sender } from '@pageferry/core';
import type { PingPongWorkload } from '../shared/workload.js';
import { loadTransport, peerWorkload, reportTrial } from './workload-peer.js';

// Two of these throw a message of 8 bytes to and fro; one begins, the other answers.
const MESSAGE_BYTES = 8;

const { transport, endpoint, count, warmUp, park, ahead, begins } =
  peerWorkload<PingPongWorkload>();
const { createSender, createReceiver } = await loadTransport(transport);
const options = park ? { spinMicroseconds: 0 } : {};
const own = `${endpoint}-${begins ? 'a' : 'b'}`;
const other = `${endpoint}-${begins ? 'b' : 'a'}`;
const [sender, receiver] = await Promise.all([
  createSender({ endpoint: own, ...options }),
  createReceiver({ endpoint: other, ...options }),
]);
await sender.waitForReceivers();
const play = park ? playParked : ahead ? playAhead : playOneByOne;
await play(sender, receiver, warmUp);
if (begins) await reportTrial(() => play(sender, receiver, count));
else await play(sender, receiver, count);
await sender.close();
await receiver.close();
process.disconnect?.();

function throwBall(to: Sender, ball = to.tryLoan(MESSAGE_BYTES)): void {
  if (ball?.trySend() !== 'sent') throw new Error('the ball is lost');
}

function catchBall(from: Receiver): Delivery {
  let delivery: Delivery | undefined;
  do delivery = from.tryReceive();
  while (delivery === undefined);
  return delivery;
}

function playOneByOne(to: Sender, from: Receiver, rounds: number): void {
  for (let round = 0; round < rounds; round++) {
    if (begins) throwBall(to);
    catchBall(from).release();
    if (!begins) throwBall(to);
  }
}

/** The memory of the next message is at hand when it is wanted, and nobody waits for a release. */
function playAhead(to: Sender, from: Receiver, rounds: number): void {
  if (begins) throwBall(to);
  let next = to.tryLoan(MESSAGE_BYTES);
  for (let left = begins ? rounds - 1 : rounds; left > 0; left--) {
    const caught = catchBall(from);
    throwBall(to, next);
    next = to.tryLoan(MESSAGE_BYTES);
    caught.release();
  }
  next?.release();
  if (begins) catchBall(from).release();
}

async function playParked(to: Sender, from: Receiver, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    if (begins) throwBall(to);
    const delivery = await from.receive();
    if (delivery === undefined) throw new Error('the other side has gone');
    delivery.release();
    if (!begins) throwBall(to);
  }
}
