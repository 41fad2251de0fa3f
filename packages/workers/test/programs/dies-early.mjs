// Starts a child that does not connect yet, and is killed in the middle of that.
import { fileURLToPath } from 'node:url';
import { fork } from '@pageferry/workers';

const words = process.argv.slice(2);
await fork(fileURLToPath(new URL('orphan.mjs', import.meta.url)), words, {
  transportModule: '@pageferry/socket',
});
