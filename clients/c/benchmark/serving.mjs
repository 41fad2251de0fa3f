// Answers one program that asks, asleep while it waits: serving.mjs ENDPOINT
import { sharedMmap } from '../../../packages/shared-mmap/dist/index.js';

const [, , endpoint = ''] = process.argv;
const listener = await sharedMmap.listen({ endpoint, spinMicroseconds: 0 });
console.log('open');
const channel = await listener.accept();
for await (const question of channel) {
  const answer = await channel.loan(question.byteLength);
  if (question.byteLength > 0) answer.bytes[0] = question.bytes[0] ?? 0;
  await question.respond(answer);
  question.release();
}
await channel.close();
await listener.close();
