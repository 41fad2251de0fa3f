// Says what Node's permission model has refused it, over a port that it has all the same.
import { readFileSync } from 'node:fs';
import { parentPort } from '@pageferry/workers';

const port = await parentPort();
let refused;
try {
  readFileSync('/etc/hostname');
} catch (error) {
  refused = /** @type {NodeJS.ErrnoException} */ (error).code;
}
await port.send(refused);
await port.close();
process.disconnect?.();
