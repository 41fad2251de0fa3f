import { createServer } from 'node:net';
import { descriptorOf } from '@pageferry/measuring/descriptor';
import { peerWorkload } from './workload-peer.js';

// Reads and forgets what comes over a Unix or a TCP socket, into one buffer that is used again.
const { destination, path } = peerWorkload<{ destination: string; path: string }>();
const server = createServer({ pauseOnConnect: true }, (socket) => {
  server.close();
  void drain(descriptorOf(socket)).then(() => {
    socket.destroy();
    process.disconnect?.();
  });
});
server.listen(destination === 'tcp' ? { port: 0, host: '127.0.0.1' } : { path }, () => {
  const address = server.address();
  process.send?.(typeof address === 'string' ? address : address?.port);
});

async function drain(fd: number): Promise<void> {
  const { loadLinuxCalls } = await import('@pageferry/linux-napi');
  const calls = loadLinuxCalls();
  calls.setStatusFlags(fd, 0);
  const memory = new Uint8Array(256 * 1024);
  while (calls.read(fd, memory, 0, memory.length) > 0);
}
