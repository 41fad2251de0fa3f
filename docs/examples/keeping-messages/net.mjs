// Sends what arrives to a program that listens on a Unix socket: node net.mjs ENDPOINT SOCKET
import { createConnection } from 'node:net';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = 'ferry', path = './log.sock'] = process.argv.slice(2);

const socket = createConnection(path);
const receiver = await sharedMmap.createReceiver({ endpoint });
let written;
for await (const delivery of receiver) {
  if (socket.destroyed) {
    delivery.release(); // The program there has hung up. (An error would have ended this one.)
    break;
  }
  written = new Promise((resolve) => {
    socket.write(delivery.bytes, resolve); // Calls back in the end, also if it fails.
  });
  void written.then(() => delivery.release());
  if (socket.writableNeedDrain) await written;
}
await written; // The last one: closing the receiver takes away what is still held.
socket.end();
await receiver.close();
