// What outlives a receiver, and what keeps a process alive, over shared memory: `lifetime.mjs <endpoint>`. It ends because
// nothing is left that it waits for, with a sender and a receiver open.
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint] = process.argv.slice(2);
const text = 'kept, and copied at the end';
const sender = await sharedMmap.createSender({ endpoint });
const first = await sharedMmap.createReceiver({ endpoint });
await sender.waitForReceivers();
await sender.send(Buffer.from(text));
const { bytes } = await first.receive();
await first.close();
const received = Buffer.from(bytes).toString();
const second = await sharedMmap.createReceiver({ endpoint });
sender.unref();
second.unref();
second.receive().catch(() => undefined);
console.log(JSON.stringify({ received, unreferenced: true }));
