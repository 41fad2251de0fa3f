import { open } from 'node:fs/promises';
import type { FramedWorkload } from '../task.js';
import { backendNamed } from './backend.js';
import { peerWorkload } from './workload-peer.js';

const { endpoint, discard, messageBytes, count, warmUp, backend } = peerWorkload<FramedWorkload>();
const receiver = await backendNamed(backend).createReceiver({ endpoint });
const nothing = await open('/dev/null', 'w');
let received = 0;
if (discard) {
  for (;;) {
    const result = await receiver.spliceTo(nothing);
    if (result === undefined) break;
    received += result.byteLength;
  }
} else {
  for (;;) {
    const delivery = await receiver.receive();
    if (delivery === undefined) break;
    received += delivery.byteLength;
    delivery.release();
  }
}
await receiver.close();
await nothing.close();
if (received !== (warmUp + count) * messageBytes) throw new Error(`received ${received} bytes`);
process.disconnect?.();
