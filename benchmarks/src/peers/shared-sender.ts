import type { Sender } from '@pageferry/core';
import { CONTENT, poolBytesFor, type Workload } from '../shared/workload.js';
import { loadTransport, peerWorkload, reportSample, reportTrial } from './workload-peer.js';

// Sends as fast as it can: it waits only when there is no loan, or no room.
const workload = peerWorkload<Workload>();
const { transport, endpoint, messageBytes, count, warmUp, receivers, copy, samples } = workload;
const { createSender } = await loadTransport(transport);
const sender = await createSender({ endpoint, poolBytes: poolBytesFor(workload) });
const source = copy ? new Uint8Array(messageBytes).fill(CONTENT) : undefined;

await sender.waitForReceivers(receivers);
await sendMessages(sender, warmUp);
if (samples) reportSample('warm');
await reportTrial(async () => {
  const half = Math.floor(count / 2);
  await sendMessages(sender, half);
  if (samples) reportSample('middle');
  await sendMessages(sender, count - half);
});
if (samples) reportSample('end');
await sender.close();
process.disconnect?.();

/** Settles when everything was received and released. */
async function sendMessages(to: Sender, messages: number): Promise<void> {
  for (let index = 0; index < messages; index++) {
    const loan = to.tryLoan(messageBytes) ?? (await to.loan(messageBytes));
    if (source === undefined) loan.bytes[0] = CONTENT;
    else loan.bytes.set(source);
    let outcome = loan.trySend();
    if (outcome === 'full') outcome = await loan.send();
    if (outcome !== 'sent') throw new Error(`message ${index}: ${outcome}`);
  }
  await to.flush();
}
