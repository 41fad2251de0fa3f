// @ts-check
// An honest receiver or sender in a process of its own, so that a peer which manages to block it
// blocks nobody else. Does what it is told, and answers with what came of it.
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { createVmspliceTransport } from '@pageferry/vmsplice';

const [endpoint = ''] = process.argv.slice(2);
const transport = createVmspliceTransport('test', loadLinuxCalls);
/** @type {import('@pageferry/core').Receiver | undefined} */
let receiver;
/** @type {import('@pageferry/core').Sender | undefined} */
let sender;

/** @type {Record<string, () => Promise<unknown>>} */
const commands = {
  async connect() {
    receiver = await transport.createReceiver({ endpoint });
  },
  async receive() {
    const delivery = await receiver?.receive();
    delivery?.release();
    return delivery?.byteLength;
  },
  async listen() {
    sender = await transport.createSender({ endpoint });
  },
  send: async () => sender?.send(new Uint8Array(5000)),
  'send much': async () => sender?.send(new Uint8Array(400_000)),
};

process.on('message', async (/** @type {string} */ command) => {
  try {
    process.send?.((await commands[command]?.()) ?? 'done');
  } catch (error) {
    process.send?.(/** @type {{ code: string }} */ (error).code);
  }
});
process.send?.('ready');
