// Sends three messages over shared memory, and is killed: `victim.mjs <endpoint>`.
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint] = process.argv.slice(2);
const sender = await sharedMmap.createSender({ endpoint });
await sender.waitForReceivers();
for (let message = 0; message < 3; message++) await sender.send(Buffer.alloc(100_000, message));
process.kill(process.pid, 'SIGKILL');
