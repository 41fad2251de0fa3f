// Sends what arrives to everybody who has asked for it: node http-to-all.mjs ENDPOINT PORT CLIENTS
import { once } from 'node:events';
import { createServer } from 'node:http';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = 'ferry', port = '8080', clients = '1'] = process.argv.slice(2);

/**
 * Resolves when the response has read `bytes`, or never will.
 *
 * @param {import('node:http').ServerResponse} response
 * @param {Uint8Array} bytes
 * @returns {Promise<void>}
 */
function write(response, bytes) {
  const { socket } = response.req;
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve(); // The callback of `write` would not come,
    socket.once('close', resolve); // nor that of a write which was queued when the client left.
    response.write(bytes, () => {
      socket.off('close', resolve);
      resolve();
    });
  });
}

const responses = new Set();
const server = createServer(({ socket }, response) => {
  socket.setMaxListeners(0); // As many as there are messages in its queue.
  responses.add(response);
  socket.once('close', () => responses.delete(response));
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
      write(response, delivery.bytes).then(() => delivery.release()), // given up when it has read it.
    );
  }
  delivery.release(); // The hold that it came with.
  if ([...responses].some((response) => response.writableNeedDrain)) await Promise.all(writes);
}
await Promise.all(writes); // The last ones: closing the receiver takes away what is still held.
for (const response of responses) response.end();
server.close();
await receiver.close();
