// Connects to its parent when it may, and ends when that has died: says what has come of it in the file that is named by
// its first argument.
import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { parentPort } from '@pageferry/workers';

const [, , word = '', mayConnect = ''] = process.argv;
writeFileSync(`${word}.pid`, String(process.pid));
while (!existsSync(mayConnect)) await setTimeout(1);
await parentPort().then(
  (port) => {
    // At once, as a worker of a pool does: before anything else tells of the parent's death.
    port.on('close', () => process.exit());
    writeFileSync(word, 'connected');
  },
  ({ code }) => writeFileSync(word, code),
);
