// Sends what arrives to everybody who has asked for it: node http-to-all.mjs ENDPOINT PORT CLIENTS
import { once } from 'node:events';
import { createServer } from 'node:http';
import { sharedMmap } from '@pageferry/shared-mmap';

const here = process.env.XDG_RUNTIME_DIR ?? '.';
const [endpoint = `${here}/ferry.sock`, port = '8080', clients = '1'] = process.argv.slice(2);

const responses = new Set();
const server = createServer((_request, response) => {
  responses.add(response);
  response.once('close', () => responses.delete(response));
});
server.listen(Number(port), 'localhost', () => console.log(server.address()));
while (responses.size < Number(clients)) await once(server, 'request');

const receiver = await sharedMmap.createReceiver({ endpoint });
/** @type {Promise<void>[]} */
let writes = [];
for await (const delivery of receiver) {
  writes = [];
  for (const response of responses) {
    delivery.retain(); // One hold for each client,
    writes.push(
      new Promise((resolve) => {
        response.write(delivery.bytes, resolve);
      }).then(() => delivery.release()), // which is given up when that client has it.
    );
  }
  delivery.release(); // The hold that it came with.
  if ([...responses].some((response) => response.writableNeedDrain)) await Promise.all(writes);
}
await Promise.all(writes); // The last ones: closing the receiver takes away what is still held.
for (const response of responses) response.end();
server.close();
await receiver.close();
