// WRONG: the response still reads the bytes after `write` has returned.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = '', port = ''] = process.argv.slice(2);
const receiver = await sharedMmap.createReceiver({ endpoint });
const server = createServer(async (_request, response) => {
  for await (const delivery of receiver) {
    response.write(delivery.bytes);
    delivery.release();
  }
  await once(response.end(), 'close');
  server.close();
  await receiver.close();
});
server.listen(Number(port), 'localhost', () => console.log(server.address()));
