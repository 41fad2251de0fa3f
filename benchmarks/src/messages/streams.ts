import { runPeer } from '../shared/trials.js';
import type { Trial } from '../shared/workload.js';
import type { Group } from './groups.js';
import { interleave } from './interleave.js';
import type { StreamWay } from './workload.js';

const CHUNK_BYTES = 64 * 1024;
/** As many chunks take about as long as 40 MB there and back by `child.send`. */
const CHUNKS_FOR_A_TRIP = 1000;

/** A stream of Node's from one process to another, beside one over a Unix socket. */
export const streamGroup: Group = {
  aims: new Map([['stream-64k', 3]]),
  measure: (rounds, volume) => {
    const count = volume.trips * CHUNKS_FOR_A_TRIP;
    // Three times as many first: V8 compiles meanwhile.
    const workload = { chunkBytes: CHUNK_BYTES, count, warmUp: 3 * count };
    const run = (way: StreamWay) => (): Promise<Trial> =>
      runPeer('stream-writer', { ...workload, way });
    const yardstick = run('socket');
    const compare = (subject: string, way: StreamWay) => ({
      question: 'stream-64k',
      subject,
      yardstick,
      run: run(way),
    });
    const comparisons = [
      compare('toWritable, toReadable', 'messages'),
      compare('toWritable, toReadable, copy: false', 'deliveries'),
      compare('toWritable, pipeTo', 'in-place'),
    ];
    return interleave(comparisons, rounds, volume);
  },
};
