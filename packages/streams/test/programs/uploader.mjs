// Writes without end to a channel, as the side that connects: node uploader.mjs TRANSPORT ENDPOINT (plain | shared)
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { sharedMmap } from '@pageferry/shared-mmap';
import { socketTransport } from '@pageferry/socket';
import { createStreams, toDuplex } from '@pageferry/streams';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';

const [, , name, endpoint = '', way] = process.argv;
const transport = [sharedMmap, vmspliceNapi, socketTransport].find((each) => each.name === name);
if (transport === undefined) throw new Error(`no transport is called ${name}`);

const channel = await transport.connect({ endpoint });
const endless = new Readable({
  read() {
    this.push(Buffer.alloc(64 * 1024, 1));
  },
});
const target = way === 'shared' ? createStreams(channel).open('upload') : toDuplex(channel);
target.resume();
try {
  await pipeline(endless, target);
} catch (error) {
  process.send?.(/** @type {NodeJS.ErrnoException} */ (error).code);
}
process.disconnect();
