import type { Delivery, Receiver, Sender } from '@pageferry/core';
import type { PingPongWorkload } from '../shared/workload.js';
import { loadTransport, peerWorkload, reportTrial } from './workload-peer.js';

// Two of these throw a message of 8 bytes to and fro; one begins, the other answers.
const MESSAGE_BYTES = 8;

const { transport, endpoint, count, warmUp, park, begins } = peerWorkload<PingPongWorkload>();
const { createSender, createReceiver } = await loadTransport(transport);
const options = park ? { spinMicroseconds: 0 } : {};
const own = `${endpoint}-${begins ? 'a' : 'b'}`;
const other = `${endpoint}-${begins ? 'b' : 'a'}`;
const [sender, receiver] = await Promise.all([
  createSender({ endpoint: own, ...options }),
  createReceiver({ endpoint: other, ...options }),
]);
await sender.waitForReceivers();
const play = park ? playParked : playSpinning;
await play(sender, receiver, warmUp);
if (begins) await reportTrial(() => play(sender, receiver, count));
else await play(sender, receiver, count);
await sender.close();
await receiver.close();
process.disconnect?.();

function throwBall(to: Sender): void {
  const loan = to.tryLoan(MESSAGE_BYTES);
  if (loan === undefined || loan.trySend() !== 'sent') throw new Error('the ball is lost');
}

function catchBall(from: Receiver): void {
  let delivery: Delivery | undefined;
  do delivery = from.tryReceive();
  while (delivery === undefined);
  delivery.release();
}

function playSpinning(to: Sender, from: Receiver, rounds: number): void {
  for (let round = 0; round < rounds; round++) {
    if (begins) throwBall(to);
    catchBall(from);
    if (!begins) throwBall(to);
  }
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
