// A service that systemd starts for its first client, and that hands its log file to everybody who asks: node service.mjs LOG
import { open } from 'node:fs/promises';
import { listen, takeActivationFds } from '@pageferry/fd-socket';

const log = await open(process.argv[2] ?? 'service.log', 'a');
const [inherited] = await takeActivationFds(); // LISTEN_FDS; nothing where nobody has opened a socket for it.
const server = await listen(inherited ?? 'service.sock', {}, (client) => {
  client.on('error', () => {}); // Somebody has gone.
  client.resume().end({ data: `for ${client.peer?.pid}`, fds: [log] });
});
process.once('SIGTERM', async () => {
  server.close();
  await log.close();
});
