import { rmSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { Delivery, Loan, Receiver, Sender } from '@pageferry/core';
import { temporaryPath } from '../children.js';
import { loadTransport } from '../peers/workload-peer.js';
import { CONTENT } from './workload.js';

/** How many messages are under way: each step is done for all of them before the next one. */
const UNDER_WAY = 32;
const ROUNDS = 10_000;
/** The first trials are those in which V8 compiles. */
const TRIALS = 18;
const WARM_UPS = 6;

/** What one step of a message takes, in nanoseconds: the least of several trials. */
export interface Step {
  readonly name: string;
  readonly nanoseconds: number;
}

/**
 * Times each step of a message by itself, in this process, which has both sides: what the code of a message
 * takes, where no other processor has a part in it.
 */
export async function measureSteps(transport: string, messageBytes: number): Promise<Step[]> {
  const { createSender, createReceiver } = await loadTransport(transport);
  const endpoint = temporaryPath();
  const poolBytes = Math.max(2 * UNDER_WAY * messageBytes, 2 ** 16);
  const sender = await createSender({ endpoint, poolBytes });
  const receiver = await createReceiver({ endpoint, maxBorrowedBytes: 2 * poolBytes });
  try {
    await sender.waitForReceivers();
    // Memory is allocated when it is lent for the first time.
    const loans: Loan[] = [];
    for (let count = 0; count < 2 * UNDER_WAY; count++) loans.push(await sender.loan(messageBytes));
    for (const loan of loans) loan.release();
    return await timeSteps(sender, receiver, messageBytes);
  } finally {
    await receiver.close();
    await sender.close();
    rmSync(endpoint, { force: true });
  }
}

async function timeSteps(
  sender: Sender,
  receiver: Receiver,
  messageBytes: number,
): Promise<Step[]> {
  const steps = stepsOf(sender, receiver, messageBytes);
  const least = steps.map(() => Number.POSITIVE_INFINITY);
  for (let trial = 0; trial < TRIALS; trial++) {
    const took = timeTrial(steps.map(({ run }) => run));
    if (trial >= WARM_UPS) {
      for (const [index, milliseconds] of took.entries()) {
        least[index] = Math.min(least[index] ?? 0, milliseconds);
      }
    }
    await new Promise(setImmediate);
  }
  const each = ROUNDS * UNDER_WAY;
  return steps.map(({ name }, index) => ({
    name,
    nanoseconds: ((least[index] ?? 0) / each) * 1e6,
  }));
}

/** The milliseconds that each step took, all rounds together. */
function timeTrial(steps: readonly (() => void)[]): number[] {
  const took = steps.map(() => 0);
  for (let round = 0; round < ROUNDS; round++) {
    let before = performance.now();
    for (let index = 0; index < steps.length; index++) {
      steps[index]?.();
      const after = performance.now();
      took[index] = (took[index] ?? 0) + after - before;
      before = after;
    }
  }
  return took;
}

function stepsOf(sender: Sender, receiver: Receiver, messageBytes: number) {
  const loans = new Array<Loan>(UNDER_WAY);
  const deliveries = new Array<Delivery>(UNDER_WAY);
  return [
    {
      name: 'lend',
      run: () => {
        for (let index = 0; index < UNDER_WAY; index++) {
          loans[index] = sender.tryLoan(messageBytes) as Loan;
        }
      },
    },
    {
      name: 'touch',
      run: () => {
        for (const loan of loans) loan.bytes[0] = CONTENT;
      },
    },
    {
      name: 'send',
      run: () => {
        for (const loan of loans) if (loan.trySend() !== 'sent') throw new Error('not sent');
      },
    },
    {
      name: 'receive',
      run: () => {
        for (let index = 0; index < UNDER_WAY; index++) {
          deliveries[index] = receiver.tryReceive() as Delivery;
        }
      },
    },
    {
      name: 'look',
      run: () => {
        for (const { bytes } of deliveries) if (bytes[0] !== CONTENT) throw new Error('wrong byte');
      },
    },
    {
      name: 'release',
      run: () => {
        for (const delivery of deliveries) delivery.release();
      },
    },
  ];
}
