import { runPeer } from '../shared/trials.js';
import type { Trial } from '../shared/workload.js';
import type { Group } from './groups.js';
import { type Comparison, interleave } from './interleave.js';
import type { ObjectWay, ObjectWorkload } from './workload.js';

const LARGE = 40_000_000;
const SMALL = 1024;
/** As many small objects take about as long as one large one. */
const SMALL_FOR_LARGE = 2500;
const MANY_UNDER_WAY = 32;
/** V8 compiles after so many calls, and not after so many bytes: large objects alone would run as long as it interprets. */
const COMPILING = 5000;

/** Objects that go to a child, which answers with one of the same size, beside `child.send`. */
export const objectGroup: Group = {
  aims: new Map([
    ['object-40mb', 20],
    ['object-40mb-composed', 40],
    ['object-1k', 1],
  ]),
  measure: (rounds, volume) => interleave(comparisons(volume.trips), rounds, volume),
};

function comparisons(trips: number): readonly Comparison[] {
  const large = {
    byteLength: LARGE,
    compiling: COMPILING,
    trips,
    warmUp: Math.ceil(trips / 4),
    underWay: 1,
  };
  const count = trips * SMALL_FOR_LARGE;
  // Three times as many first: V8 compiles meanwhile.
  const small = { byteLength: SMALL, compiling: 0, trips: count, warmUp: 3 * count };
  const run = (way: ObjectWay, workload: Unplaced) => (): Promise<Trial> =>
    runPeer('object-asker', { ...workload, way });
  const byChildSend = run('child.send', large);
  return [
    {
      question: 'object-40mb',
      subject: 'port.request',
      yardstick: byChildSend,
      run: run('port', large),
    },
    {
      question: 'object-40mb-composed',
      subject: 'port.compose, port.request',
      yardstick: byChildSend,
      run: run('composed', large),
    },
    ...[1, MANY_UNDER_WAY].map((underWay) => ({
      question: 'object-1k',
      subject: `port.request, ${underWay} under way`,
      yardstick: run('child.send', { ...small, underWay }),
      run: run('port', { ...small, underWay }),
    })),
  ];
}

type Unplaced = Omit<ObjectWorkload, 'endpoint' | 'way'>;
