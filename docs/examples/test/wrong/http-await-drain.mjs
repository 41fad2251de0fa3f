// WRONG: `write` says true as long as its queue is short, not when the queue is empty.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = '', port = ''] = process.argv.slice(2);
const receiver = await sharedMmap.createReceiver({ endpoint });
const server = createServer(async (_request, response) => {
  for await (const delivery of receiver) {
    if (!response.write(delivery.bytes)) await once(response, 'drain');
    delivery.release();
  }
  await once(response.end(), 'close');
  server.close();
  await receiver.close();
});
server.listen(Number(port), 'localhost', () => console.log(server.address()));
