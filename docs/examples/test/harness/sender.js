// Sends numbered messages out of a small pool, whose memory is used again at once:
// node sender.js ENDPOINT MESSAGES, over EXAMPLE_TRANSPORT. Says over IPC what it has sent, answers each
// question with how far it is, stops before the last one if it is told to, and closes when it is told to.
import { createHash } from 'node:crypto';
import { fillMessage, lengthOf } from './content.js';
import { chosenTransport } from './transports.js';

function withResolvers() {
  let resolve = () => {};
  /** @type {Promise<void>} */
  const promise = new Promise((resolvePromise) => {
    resolve = resolvePromise;
  });
  return { promise, resolve };
}

const [endpoint = '', messages = ''] = process.argv.slice(2);
let count = Number(messages);
let number = 0;
let waits = 0;
const { promise: toldToClose, resolve: close } = withResolvers();
process.on('message', (message) => {
  if (message === 'close') close();
  else if (message === 'stop') count = 0;
  else process.send?.({ progress: number });
});

const sender = await chosenTransport().createSender({ endpoint, poolBytes: 64 * 1024 });
await sender.waitForReceivers();
const hash = createHash('sha256');
for (; number < count; number++) {
  let loan = sender.tryLoan(lengthOf(number));
  if (loan === undefined) {
    waits++;
    loan = await sender.loan(lengthOf(number));
  }
  try {
    fillMessage(loan.bytes, number);
    hash.update(loan.bytes);
    if ((await loan.send()) !== 'sent') throw new Error(`nobody took message ${number}`);
  } finally {
    loan.release();
  }
}
process.send?.({ sent: { digest: hash.digest('hex'), waits } });
await toldToClose;
await sender.close();
process.disconnect();
