// One of two consumers throws; the parent is told what became of both: node throwing.mjs ENDPOINT
import { text } from 'node:stream/consumers';
import { socketTransport } from '@pageferry/socket';
import { createStreams } from '@pageferry/streams';

const [, , endpoint = ''] = process.argv;
process.once('uncaughtException', (error) => process.send?.(`uncaught: ${error.message}`));

const listener = await socketTransport.listen({ endpoint });
const here = createStreams(await socketTransport.connect({ endpoint }));
const there = createStreams(await listener.accept());
there.on('stream', (stream) => {
  if (stream.name === 'right') void text(stream).then((all) => process.send?.(`read: ${all}`));
  else {
    stream
      .on('error', () => undefined)
      .once('data', () => {
        throw new Error('thrown by a consumer');
      });
  }
});
const [wrong, right] = ['wrong', 'right'].map((name) => here.open(name, { readable: false }));
// The first byte flows through to the consumer while frames are taken.
await new Promise((resolve) => setImmediate(resolve));
wrong?.write('x');
await new Promise((resolve) => process.once('uncaughtException', resolve));
wrong?.destroy();
right?.end('everything');
await Promise.all([here.close(), there.close()]);
await listener.close();
process.disconnect();
