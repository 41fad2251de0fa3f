// Answers: what the tests of fork and forkThread talk to.
import { parentPort } from '@pageferry/workers';

const port = await parentPort();
port.handle('add', (/** @type {{ numbers: Float64Array }} */ { numbers }) =>
  numbers.map((each) => each + 1),
);
port.handle('exit', (/** @type {number} */ code) => process.exit(code));
port.handle('throw', () => {
  setImmediate(() => {
    throw new TypeError('thrown beside the task');
  });
  return new Promise(() => undefined);
});
port.on('close', async () => {
  await port.close();
  process.disconnect?.();
});
process.on('message', (message) => process.send?.({ heard: message }));
