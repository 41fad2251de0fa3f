// Started with a socket that listens: answers one client with a descriptor, and ends.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { listen, takeActivationFds } from '@pageferry/fd-socket';

const O_CLOEXEC = 0o2000000;
const binding = /** @type {'napi' | 'ffi'} */ (process.argv[2]);
const fds = await takeActivationFds({ binding });
const names = fds.map(({ name }) => name);
const closeOnExec = fds.every(({ fd }) => {
  const [, flags = ''] =
    /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd.fd}`, 'latin1')) ?? [];
  return (Number.parseInt(flags, 8) & O_CLOEXEC) !== 0;
});
const again = await takeActivationFds({ binding });
const variables = Object.keys(process.env).filter((name) => name.startsWith('LISTEN_'));
const [requests, pipe] = fds;
assert(requests !== undefined && pipe !== undefined);
const server = await listen({ fd: requests.fd }, { binding }, (socket) => {
  const report = { names, again, variables, closeOnExec };
  socket.end({ data: JSON.stringify(report), fds: [pipe.fd] });
  socket.resume();
  pipe.fd.close();
  server.close();
});
