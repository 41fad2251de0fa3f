import type { Loan, Sender } from '@pageferry/core';
import type { FramedWorkload } from '../task.js';
import { backendNamed } from './backend.js';
import { peerWorkload, reportTime } from './workload-peer.js';

const { endpoint, messageBytes, count, warmUp, backend } = peerWorkload<FramedWorkload>();
const sender = await backendNamed(backend).createSender({ endpoint });
await sender.waitForReceivers();
const written = new WeakSet<Uint8Array>();
await sendMessages(sender, warmUp, writeOnce);
reportTime();
await sendMessages(sender, count);
reportTime();
await sender.close();
process.disconnect?.();

async function sendMessages(
  to: Sender,
  messages: number,
  prepare?: (loan: Loan) => void,
): Promise<void> {
  for (let index = 0; index < messages; index++) {
    const loan = await to.loan(messageBytes);
    prepare?.(loan);
    await loan.send();
  }
  await to.flush();
}

/**
 * Writes each slot once, as the C program writes its buffers: memory that nobody ever wrote is not
 * there yet, and the kernel takes a slower way to it. A slot that is lent again has the same view.
 */
function writeOnce({ bytes }: Loan): void {
  if (written.has(bytes)) return;
  written.add(bytes);
  bytes.fill(1);
}
