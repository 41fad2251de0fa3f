// A process that becomes the sender of the endpoint that it is told, and tells what has become of it.
import { socketTransport } from '@pageferry/socket';

/** @param {string} word */
const tell = (word) => process.send?.(word);

process.on('message', async (/** @type {{ endpoint: string, say?: number[] }} */ order) => {
  try {
    const sender = await socketTransport.createSender({ endpoint: order.endpoint });
    tell('started');
    if (order.say === undefined) return;
    await sender.waitForReceivers();
    for (const byteLength of order.say) await sender.send(Buffer.alloc(byteLength, 7));
    tell('said');
  } catch (error) {
    tell(/** @type {import('@pageferry/core').PageferryError} */ (error).code);
  }
});
tell('ready');
