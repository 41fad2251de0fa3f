import { runPeer } from '../shared/trials.js';
import type { Trial } from '../shared/workload.js';
import type { Group } from './groups.js';
import { type Comparison, interleave } from './interleave.js';
import type { StreamWay } from './workload.js';

const CHUNK_BYTES = 64 * 1024;
/** As many chunks take about as long as 40 MB there and back by `child.send`. */
const CHUNKS_FOR_A_TRIP = 1000;

/**
 * A stream of Node's from one process to another, beside one over a Unix socket. Its consumer looks at the ends of each chunk, so
 * that it is the way that takes the time; or it reads each byte, as those programs do that have a use for all of them.
 */
export const streamGroup: Group = {
  aims: new Map([
    ['stream-64k', 3],
    ['stream-64k-read', undefined],
  ]),
  measure: (rounds, volume) => {
    const comparisons = [
      ...comparisonsOf('stream-64k', false, volume.trips),
      ...comparisonsOf('stream-64k-read', true, volume.trips),
    ];
    return interleave(comparisons, rounds, volume);
  },
};

function comparisonsOf(question: string, readsAll: boolean, trips: number): readonly Comparison[] {
  const count = trips * CHUNKS_FOR_A_TRIP;
  // Three times as many first: V8 compiles meanwhile.
  const workload = { chunkBytes: CHUNK_BYTES, count, warmUp: 3 * count, readsAll };
  const run = (way: StreamWay) => (): Promise<Trial> =>
    runPeer('stream-writer', { ...workload, way });
  const yardstick = run('socket');
  const subjects = {
    'toWritable, toReadable': run('messages'),
    'toWritable, toReadable, copy: false': run('deliveries'),
    'toWritable, pipeTo': run('in-place'),
  };
  return Object.entries(subjects).map(([subject, run]) => ({ question, subject, yardstick, run }));
}
