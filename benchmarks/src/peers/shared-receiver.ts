import type { Delivery, Receiver } from '@pageferry/core';
import { ABSENT, CONTENT, poolBytesFor, type Workload } from '../shared/workload.js';
import { asBuffer, loadTransport, peerWorkload, reportSample } from './workload-peer.js';

const MANY = 64;

const workload = peerWorkload<Workload>();
const { transport, endpoint, count, warmUp, copy, way, samples } = workload;
const total = warmUp + count;
const milestones = new Map([
  [warmUp, 'warm'],
  [warmUp + Math.floor(count / 2), 'middle'],
  [total, 'end'],
]);
let received = 0;

const { createReceiver } = await loadTransport(transport);
const receiver = await createReceiver({ endpoint, maxBorrowedBytes: poolBytesFor(workload) });
if (way === 'try') await receiveOneByOne(receiver);
else if (way === 'for-await') for await (const delivery of receiver) take(delivery);
else await receiveManyAtOnce(receiver);
await receiver.close();
if (received !== total) throw new Error(`received ${received} of ${total} messages`);
process.disconnect?.();

async function receiveOneByOne(from: Receiver): Promise<void> {
  for (;;) {
    const delivery = from.tryReceive() ?? (await from.receive());
    if (delivery === undefined) return;
    take(delivery);
  }
}

async function receiveManyAtOnce(from: Receiver): Promise<void> {
  for (;;) {
    const deliveries = await from.receiveMany(MANY);
    if (deliveries.length === 0) return;
    for (const delivery of deliveries) take(delivery);
  }
}

/** Looks at the first byte, or at all of them, and gives the message back. */
function take(delivery: Delivery): void {
  const { bytes } = delivery;
  const wrong = copy ? asBuffer(bytes).includes(ABSENT) : bytes[0] !== CONTENT;
  if (wrong) throw new Error(`message ${delivery.sequence} is not what was sent`);
  delivery.release();
  received++;
  if (!samples) return;
  const when = milestones.get(received);
  if (when !== undefined) reportSample(when);
}
