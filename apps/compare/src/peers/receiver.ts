import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import {
  type AnsweringSide,
  ChannelEnded,
  type ChannelModule,
  type ReceivingSide,
  type RequestModule,
} from '../channels/channel.js';
import { type Destination, openDestination } from '../channels/destinations.js';
import { isAnswered } from '../plan/scenarios.js';
import { payloadOf } from './payload.js';
import { isOrder, type Order, type ReceiverStart, type Report, reasonOf } from './protocol.js';
import { usageOfProcess } from './usage.js';

// The receiving side of a trial: a process of its own, or a thread of the sending process.
const { task, index } = (
  isMainThread ? JSON.parse(process.argv[2] ?? '') : workerData
) as ReceiverStart;
const payload = payloadOf(task);
/** In requests it does nothing but answer. */
let side: ReceivingSide | AnsweringSide;
let destination: Destination | undefined;

const port = isMainThread ? process : parentPort;
port?.on('message', (message: unknown) => {
  if (!isOrder(message)) return; // Payload, which is the channel's business.
  obey(message).catch((error) => {
    tell({ report: 'failed', reason: reasonOf(error), lost: error instanceof ChannelEnded });
  });
});
if (isMainThread) process.once('disconnect', () => process.exit());

async function obey(order: Order): Promise<void> {
  if (order.order === 'connect') {
    const channel = (await import(task.channel.module)) as ChannelModule | RequestModule;
    destination = await openDestination(task);
    side = await channel.connect(task, order.address, index);
    tell({ report: 'ready', usage: usageOfProcess() });
  } else if (order.order === 'expect') {
    tell({ report: 'ready', usage: usageOfProcess() });
    await takeAll(order.count);
    tell({ report: 'seen', at: Number(process.hrtime.bigint()), usage: usageOfProcess() });
  } else {
    await side.close();
    const moved = await destination?.close();
    tell({ report: 'finished', digest: destination === undefined ? payload.seen() : moved });
  }
}

function takeAll(count: number): Promise<void> {
  if (isAnswered(task.scenario)) return side.answer(count, payload.see, payload.write);
  const receiving = side as ReceivingSide;
  if (destination !== undefined) return receiving.moveOn(count, destination);
  return receiving.receive(count, payload.see);
}

function tell(report: Report): void {
  if (isMainThread) process.send?.(report);
  else parentPort?.postMessage(report);
}
