// A process opens a file, and has another one read it: node open-for-me.mjs
import { fork } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { sharedMmap } from '@pageferry/shared-mmap';

const [, , inherited] = process.argv;
const endpoint = inherited ?? `open-for-me-${process.pid}`;

/** Opens nothing itself: it reads what it is handed. */
async function read() {
  const channel = await sharedMmap.connect({ endpoint });
  for await (const question of channel) {
    for (const file of question.takeDescriptors()) {
      await question.respond(readFileSync(file.fd)); // Yours now: `file.release()` for who takes numbers over.
      file.close();
    }
    question.release(); // Closes what was not taken.
  }
  await channel.close();
}

async function open() {
  writeFileSync('notes.txt', 'what the other process may read');
  const listener = await sharedMmap.listen({ endpoint });
  fork(new URL(import.meta.url), [endpoint]);
  const channel = await listener.accept();
  const question = await channel.loan(0);
  const fd = openSync('notes.txt', 'r');
  question.attach(fd);
  closeSync(fd); // What was attached is a duplicate.
  const answer = await channel.request(question);
  console.log(answer.copy().toString());
  answer.release();
  await listener.close();
}

await (inherited ? read() : open());
