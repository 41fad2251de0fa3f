// Receives more descriptors than RLIMIT_NOFILE leaves it: descriptor 3 is the socket. Says that it is loaded, goes on at the end
// of its input, and says what it was told, and whether anything is left open then.
import { closeSync, openSync, readdirSync } from 'node:fs';
import { adopt } from '@pageferry/fd-socket';

const binding = /** @type {'napi' | 'ffi'} */ (process.argv[2]);
const whenFdsLost = /** @type {'error' | 'tell'} */ (process.argv[3]);
const socket = await adopt(3, { binding, whenFdsLost });
console.log('loaded');
await new Promise((resolve) => process.stdin.on('end', resolve).resume());
const before = readdirSync('/proc/self/fd').length;
/** @type {number[]} */
const taken = [];
try {
  for (;;) taken.push(openSync('/dev/null', 'r'));
} catch {
  for (const fd of taken.splice(0, 2)) closeSync(fd);
}
const report = await new Promise((resolve) => {
  socket.on('error', (/** @type {any} */ { code, errnoName }) => resolve({ code, errnoName }));
  socket.on('data', (/** @type {import('@pageferry/fd-socket').ReceivedMessage} */ message) => {
    resolve({ fdsLost: message.fdsLost, count: message.fds.length, data: `${message.data}` });
    message.close();
  });
});
for (const fd of taken) closeSync(fd);
socket.destroy();
if (!socket.closed) await new Promise((resolve) => socket.on('close', resolve));
const after = readdirSync('/proc/self/fd').length;
console.log(JSON.stringify({ ...report, left: after > before }));
