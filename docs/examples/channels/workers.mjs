// Three workers answer ten questions of 8 MiB each, and one of them is killed in the middle: node workers.mjs
import { fork } from 'node:child_process';
import { sharedMmap } from '@pageferry/shared-mmap';

const BYTES = 8 * 1024 * 1024;
const [, , inherited] = process.argv;
const endpoint = inherited ?? `workers-${process.pid}`;

/** Answers each question with its bytes, each one larger by one. */
async function work() {
  const channel = await sharedMmap.connect({ endpoint });
  for await (const question of channel) {
    const answer = await channel.loan(question.byteLength);
    answer.bytes.set(question.bytes.map((byte) => byte + 1));
    await question.respond(answer);
    question.release();
  }
  await channel.close();
}

async function giveOut() {
  const listener = await sharedMmap.listen({ endpoint, poolBytes: 16 * BYTES });
  const children = [1, 2, 3].map(() => fork(new URL(import.meta.url), [endpoint]));
  await listener.waitForChannels(3);
  const workers = listener.anyChannel({ maxUnderWay: 2 });
  const ask = async (/** @type {number} */ number) => {
    const question = await workers.loan(BYTES);
    question.bytes.fill(number);
    if (number === 4) children[0]?.kill('SIGKILL');
    const onLost = () => console.log(number, 'is asked again') ?? true;
    const answer = await workers.request(question, { onLost });
    console.log(number, answer.bytes.every((byte) => byte === number + 1) ? 'right' : 'wrong');
    answer.release();
  };
  await Promise.all(Array.from({ length: 10 }, (_, number) => ask(number)));
  await listener.close();
}

await (inherited ? work() : giveOut());
