// @ts-check
// A worker thread that receives with receiveSync, and does nothing else. Its commands come in one after
// the other; each is answered with what came of it.
import { parentPort, threadId, workerData } from 'node:worker_threads';
import { sharedMmap } from '@pageferry/shared-mmap';

const { endpoint, options } = workerData;
const receiver = await sharedMmap.createReceiver({ endpoint, ...options });

/** @type {Record<string, (argument: any) => unknown>} */
const commands = {
  /** Receives messages until the end, and gives back their numbers and first bytes. */
  all() {
    const seen = [];
    for (;;) {
      const delivery = receiver.receiveSync();
      if (delivery === undefined) return seen;
      seen.push([delivery.sequence, delivery.byteLength, delivery.bytes[0]]);
      delivery.release();
    }
  },
  one(options) {
    const delivery = receiver.receiveSync(options);
    const number = delivery?.sequence;
    delivery?.release();
    return number;
  },
  close: () => receiver.close(),
};

parentPort?.on('message', async ({ command, argument }) => {
  let answer;
  try {
    answer = { result: await commands[command]?.(argument) };
  } catch (error) {
    answer = { code: /** @type {{ code: string }} */ (error).code };
  }
  parentPort?.postMessage(answer);
  if (command === 'close') parentPort?.close();
});
parentPort?.postMessage({ result: threadId });
