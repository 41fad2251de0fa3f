// Sends 500 messages to whoever has joined, when it is told to, and kills itself.
import { once } from 'node:events';
import { sharedMmap } from '@pageferry/shared-mmap';

const sender = await sharedMmap.createSender({ endpoint: /** @type {string} */ (process.argv[2]) });
process.stdout.write('listening\n');
await sender.waitForReceivers();
process.stdout.write('joined\n');
await once(process.stdin, 'data');
for (let message = 0; message < 500; message++)
  await sender.send(Buffer.from(`message ${message}`));
process.kill(process.pid, 'SIGKILL');
