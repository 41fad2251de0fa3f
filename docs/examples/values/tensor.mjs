// An object with a tensor of 40 MB goes to a child, and comes back: node tensor.mjs
import { fork } from 'node:child_process';
import { createPort, shared } from '@pageferry/messages';
import { sharedMmap } from '@pageferry/shared-mmap';

const [, , inherited] = process.argv;
const endpoint = inherited ?? `tensor-${process.pid}`;
const poolBytes = 256 * 1024 * 1024;

/** @typedef {{ shape: number[], data: Float32Array }} Tensor */

async function child() {
  const port = createPort(await sharedMmap.connect({ endpoint, poolBytes }));
  port.handle('double', async (/** @type {Tensor} */ { shape, data }) => {
    const answer = await port.compose({ shape, data: shared(Float32Array, data.length) });
    for (let index = 0; index < data.length; index++) {
      answer.value.data[index] = 2 * (data[index] ?? 0);
    }
    return answer;
  });
  port.on('close', () => port.close());
}

async function parent() {
  const listener = await sharedMmap.listen({ endpoint, poolBytes });
  fork(new URL(import.meta.url), [endpoint]);
  const port = createPort(await listener.accept());
  const question = await port.compose({ shape: [2500, 4000], data: shared(Float32Array, 10e6) });
  question.value.data.fill(21);
  const answer = await port.request('double', question);
  const { shape, data } = /** @type {Tensor} */ (answer.value);
  console.log(shape.join(' x '), data.every((number) => number === 42) ? 'right' : 'wrong');
  answer.release();
  await listener.close();
}

await (inherited ? child() : parent());
