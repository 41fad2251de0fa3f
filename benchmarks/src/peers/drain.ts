import { createServer } from 'node:net';

// Reads and forgets what comes over a Unix or a TCP socket, into one buffer that is used again.
const [kind = '', path = ''] = process.argv.slice(2);
const server = createServer({ pauseOnConnect: true }, (socket) => {
  const { _handle } = socket as unknown as { _handle: { fd: number } };
  server.close();
  void drain(_handle.fd).then(() => {
    socket.destroy();
    process.disconnect?.();
  });
});
server.listen(kind === 'tcp' ? { port: 0, host: '127.0.0.1' } : { path }, () => {
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
