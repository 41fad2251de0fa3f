import type { Sender } from '@pageferry/core';
import { peerTask, reportTime } from './arguments.js';
import { backend } from './backend.js';

async function sendMessages(sender: Sender, messageBytes: number, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const loan = await sender.loan(messageBytes);
    await loan.send();
  }
  await sender.flush();
}

const { endpoint, messageBytes, count, warmUp, backendName } = peerTask();
const sender = await backend(backendName).createSender({ endpoint });
await sender.waitForReceivers();
await sendMessages(sender, messageBytes, warmUp);
reportTime();
await sendMessages(sender, messageBytes, count);
reportTime();
await sender.close();
process.disconnect?.();
