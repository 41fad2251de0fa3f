// Sends what arrives to one client at a time over HTTP: node http.mjs ENDPOINT PORT
import { createServer } from 'node:http';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = 'ferry', port = '8080'] = process.argv.slice(2);

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

const receiver = await sharedMmap.createReceiver({ endpoint });
const server = createServer(async ({ socket }, response) => {
  socket.setMaxListeners(0); // As many as there are messages in its queue.
  try {
    let written;
    for await (const delivery of receiver) {
      if (socket.destroyed) return delivery.release(); // The client has left; the next one goes on.

      written = write(response, delivery.bytes);
      void written.then(() => delivery.release());
      if (response.writableNeedDrain) await written; // The client is slow.
    }
    await written; // The last one: closing the receiver takes away what is still held.
    response.end();
  } catch (error) {
    console.error(error); // The sender was killed, for example.
    response.destroy(); // So the client knows that this is not all.
    process.exitCode = 1;
  }
  server.close();
  await receiver.close();
});
server.listen(Number(port), 'localhost', () => console.log(server.address()));
