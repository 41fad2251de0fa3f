import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createPort, shared } from '@pageferry/messages';
import { sharedMmap } from '@pageferry/shared-mmap';
import { peerPath } from '../children.js';
import { answerNumber, Content } from '../messages/content.js';
import {
  COMPILING_BYTES,
  OBJECT_POOL_BYTES,
  type ObjectWorkload,
  type Picture,
} from '../messages/workload.js';
import { peerWorkload } from './workload-peer.js';

// Sends objects to a child of its own, which answers with objects of the same size. What both of them compute is not
// counted where one question follows another; of many at once it overlaps with everything else, and is counted.
const { way, endpoint, byteLength, compiling, trips, warmUp, underWay } =
  peerWorkload<ObjectWorkload>();
const child = fork(peerPath('object-answerer'), process.argv.slice(2), {
  serialization: 'advanced',
});
const content = new Content();
const { ask, untold, end } = await { port: byPort, composed: byCompose, 'child.send': byChildSend }[
  way
]();
await run(compiling, COMPILING_BYTES);
await run(warmUp, byteLength);
const nanoseconds = await run(trips, byteLength);
await end();
child.disconnect();
await once(child, 'exit');
process.send?.({ nanoseconds });
process.disconnect?.();

/**
 * Sends an object of this number, and passes the answer on.
 *
 * @param pixels the caller's own, of the length that it is to have.
 * @returns what was computed, in nanoseconds.
 */
type Ask = (
  number: number,
  pixels: Uint8Array,
  take: (answer: Picture) => number,
) => Promise<number>;

/** How long so many questions and their answers take. */
async function run(count: number, length: number): Promise<number> {
  let next = 0;
  let computed = 0;
  // What belongs to the run before.
  await untold();
  const begin = performance.now();
  const askInTurn = async (): Promise<void> => {
    // Of what is composed nothing but the length is looked at: the kernel allocates nothing for it.
    const pixels = new Uint8Array(length);
    while (next < count) {
      const number = next++ % 256;
      computed += await ask(number, pixels, (answer) => {
        return content.check(answer, answerNumber(number), length) + answer.meta.computed;
      });
    }
  };
  await Promise.all(Array.from({ length: underWay }, askInTurn));
  const elapsed = (performance.now() - begin) * 1e6;
  return underWay === 1 ? elapsed - computed - (await untold()) : elapsed;
}

async function openPort() {
  const listener = await sharedMmap.listen({ endpoint, poolBytes: OBJECT_POOL_BYTES });
  const port = createPort(await listener.accept());
  await port.call('ready');
  const untold = (): Promise<number> => port.call<number>('untold');
  return { port, untold, end: () => listener.close() };
}

async function byPort() {
  const { port, untold, end } = await openPort();
  const ask: Ask = async (number, pixels, take) => {
    const filled = content.fill(pixels, number);
    using answer = await port.request<Picture>('answer', {
      meta: { number, computed: filled },
      pixels,
    });
    return filled + take(answer.value);
  };
  return { ask, untold, end };
}

async function byCompose() {
  const { port, untold, end } = await openPort();
  const ask: Ask = async (number, { length }, take) => {
    const question = await port.compose({
      meta: { number, computed: 0 },
      pixels: shared(Uint8Array, length),
    });
    const filled = content.fill(question.value.pixels, number);
    using answer = await port.request<Picture>('answer', question);
    return filled + take(answer.value);
  };
  return { ask, untold, end };
}

async function byChildSend() {
  await once(child, 'message');
  const waiting: ((answer: Picture) => void)[] = [];
  // It answers in the order in which it is asked.
  child.on('message', (answer) => waiting.shift()?.(answer as Picture));
  const ask: Ask = async (number, pixels, take) => {
    const filled = content.fill(pixels, number);
    const answer = await new Promise<Picture>((resolve) => {
      waiting.push(resolve);
      child.send({ meta: { number, computed: filled }, pixels } satisfies Picture);
    });
    return filled + take(answer);
  };
  return { ask, untold: async () => 0, end: async () => undefined };
}
