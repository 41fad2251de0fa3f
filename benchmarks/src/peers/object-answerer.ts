import { type ComposedMessage, createPort, shared } from '@pageferry/messages';
import { sharedMmap } from '@pageferry/shared-mmap';
import { answerNumber, Content } from '../messages/content.js';
import { OBJECT_POOL_BYTES, type ObjectWorkload, type Picture } from '../messages/workload.js';
import { peerWorkload } from './workload-peer.js';

// Answers objects with objects of the same size, the way that its parent asks.
const { way, endpoint, underWay } = peerWorkload<ObjectWorkload>();
const content = new Content();
/** By length. */
const buffers = new Map<number, Uint8Array[]>();

if (way === 'child.send') {
  process.on('message', (question) => process.send?.(answerTo(question as Picture)));
  process.send?.('ready');
} else {
  const port = createPort(await sharedMmap.connect({ endpoint, poolBytes: OBJECT_POOL_BYTES }));
  port.handle('ready', () => true);
  port.handle('answer', way === 'composed' ? compose : answerTo);
  port.on('close', () => void port.close());

  /** What it takes to fill this answer is told with the next one, which is laid out before; the last one's is asked for. */
  let filled = 0;
  port.handle('untold', () => {
    const untold = filled;
    filled = 0;
    return untold;
  });
  async function compose(question: Picture): Promise<ComposedMessage<Picture>> {
    const { length } = question.pixels;
    const computed = filled + content.check(question, question.meta.number, length);
    const number = answerNumber(question.meta.number);
    const answer = await port.compose<Picture>({
      meta: { number, computed },
      pixels: shared(Uint8Array, length),
    });
    filled = content.fill(answer.value.pixels, number);
    return answer;
  }
}

function answerTo(question: Picture): Picture {
  const number = answerNumber(question.meta.number);
  const { length } = question.pixels;
  const pixels = bufferOf(length);
  const checked = content.check(question, question.meta.number, length);
  const computed = checked + content.fill(pixels, number);
  return { meta: { number, computed }, pixels };
}

/** One that is filled again only when its answer has left. */
function bufferOf(length: number): Uint8Array {
  const known =
    buffers.get(length) ?? Array.from({ length: underWay }, () => new Uint8Array(length));
  buffers.set(length, known);
  const buffer = known.shift() as Uint8Array;
  known.push(buffer);
  return buffer;
}
