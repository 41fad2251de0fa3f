// @ts-check
// A thread that reads messages of another one where they lie, answers with what is in them, and releases them when it
// is told to.
import { parentPort } from 'node:worker_threads';
import { openMessage } from '@pageferry/messages';

/** @type {import('@pageferry/messages').Message<any>[]} */
const open = [];

parentPort?.on('message', (shared) => {
  if (shared === 'release') {
    open.shift()?.release();
    return parentPort?.postMessage('released');
  }
  try {
    const message = openMessage(shared);
    open.push(message);
    const { name, numbers, own } = /** @type {any} */ (message.value);
    parentPort?.postMessage({
      name,
      sum: numbers.reduce((/** @type {number} */ sum, /** @type {number} */ each) => sum + each, 0),
      isShared: [numbers.buffer, own].map((memory) => memory instanceof SharedArrayBuffer),
      own: new Uint8Array(own)[0],
    });
  } catch (error) {
    parentPort?.postMessage(/** @type {{ code: string }} */ (error).code);
  }
});
