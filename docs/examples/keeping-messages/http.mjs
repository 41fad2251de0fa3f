// Sends what arrives to whoever asks for it over HTTP: node http.mjs ENDPOINT PORT
import { createServer } from 'node:http';
import { sharedMmap } from '@pageferry/shared-mmap';

const here = process.env.XDG_RUNTIME_DIR ?? '.';
const [endpoint = `${here}/ferry.sock`, port = '8080'] = process.argv.slice(2);

const receiver = await sharedMmap.createReceiver({ endpoint });
const server = createServer(async (_request, response) => {
  let written;
  for await (const delivery of receiver) {
    if (response.destroyed) return delivery.release(); // The client has left.

    written = new Promise((resolve) => {
      response.write(delivery.bytes, resolve); // Calls back in the end, also if it fails.
    });
    void written.then(() => delivery.release());
    if (response.writableNeedDrain) await written; // The client is slow.
  }
  await written; // The last one: closing the receiver takes away what is still held.
  response.end();
  server.close();
  await receiver.close();
});
server.listen(Number(port), 'localhost', () => console.log(server.address()));
