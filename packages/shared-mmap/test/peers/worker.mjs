// @ts-check
// A worker in a process of its own: `program ENDPOINT [silent]`. Answers each question with its bytes, reversed;
// `silent` holds them and never answers. Says who it is first, and 'asked' for each question.
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = '', how] = process.argv.slice(2);
const channel = await sharedMmap.connect({ endpoint });
process.send?.(process.pid);
const held = [];
for await (const question of channel) {
  process.send?.('asked');
  if (how === 'silent') {
    held.push(question);
    continue;
  }
  await question.respond(question.copy().reverse());
  question.release();
}
await channel.close();
process.disconnect();
