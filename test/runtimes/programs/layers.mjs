// Values and streams over the socket transport, in one process. Prints what has arrived.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createPort } from '@pageferry/messages';
import { socketTransport } from '@pageferry/socket';
import { toReadable, toWritable } from '@pageferry/streams';

const [endpoint] = process.argv.slice(2);

async function values() {
  const listener = await socketTransport.listen({ endpoint });
  const channel = await socketTransport.connect({ endpoint });
  const accepted = await listener.accept();
  try {
    createPort(accepted).handle('sum', ({ numbers, when }) => ({
      sum: numbers.reduce((total, each) => total + each, 0),
      when,
    }));
    const numbers = new Float64Array(100_000).fill(0.5);
    const { sum, when } = await createPort(channel).call('sum', { numbers, when: new Date(0) });
    return `${sum} ${when.toISOString()}`;
  } catch ({ code }) {
    return code;
  } finally {
    await channel.destroy();
    await listener.destroy();
  }
}

async function streams() {
  const sender = await socketTransport.createSender({ endpoint });
  const receiver = await socketTransport.createReceiver({ endpoint });
  await sender.waitForReceivers();
  let byteLength = 0;
  const reading = pipeline(toReadable(receiver), async (chunks) => {
    for await (const chunk of chunks) byteLength += chunk.length;
  });
  const pieces = [Buffer.alloc(200_000), Buffer.alloc(1), Buffer.alloc(70_000)];
  await pipeline(Readable.from(pieces), toWritable(sender));
  await reading;
  return byteLength;
}

console.log(JSON.stringify({ values: await values(), streams: await streams() }));
