// @ts-check
// The child of a pair: answers what comes over descriptor 4 with its length, in decimal.
import { sharedMmap } from '@pageferry/shared-mmap';

const channel = await sharedMmap.connect({ endpoint: 'fd:4' });
for await (const question of channel) {
  await question.respond(Buffer.from(String(question.byteLength)));
  question.release();
}
await channel.close();
process.disconnect();
