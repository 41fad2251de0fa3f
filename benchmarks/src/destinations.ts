import { allSucceed, collectMessages } from '@pageferry/measuring/children';
import { measureRounds } from '@pageferry/measuring/rounds';
import { median } from '@pageferry/measuring/statistics';
import { startAtPipe } from './children.js';

/** Where a receiver may send a message on to. */
const DESTINATIONS = ['file in the page cache', 'file with O_DIRECT', 'tcp', 'unix'] as const;
const ROUTES = ['splice', 'read-write'] as const;
const MESSAGE_BYTES = 1024 * 1024;

/** What the receiver has to do. */
export interface RouteWorkload {
  readonly destination: string;
  readonly route: string;
  readonly totalBytes: number;
}

/** What one route to one destination showed, in the median over the rounds. */
export interface RouteResult {
  readonly destination: string;
  readonly route: string;
  readonly gibPerSecond: number;
  /** Of the receiving process. */
  readonly cpuSecondsPerGib: number;
}

/** Measures both routes to each destination, in turn, with vmspliced pages in the pipe. */
export async function measureDestinations(
  rounds: number,
  totalBytes: number,
  log: (line: string) => void,
): Promise<readonly RouteResult[]> {
  const gibibytes = totalBytes / 2 ** 30;
  const trials = await measureRounds(
    DESTINATIONS.flatMap((destination) => ROUTES.map((route) => ({ destination, route }))),
    rounds,
    ({ destination, route }) => runRoute(destination, route, totalBytes),
    (round) => log(`destinations: ${round}`),
  );
  return Array.from(trials, ([subject, all]) => ({
    ...subject,
    gibPerSecond: median(all.map(({ seconds }) => gibibytes / seconds)),
    cpuSecondsPerGib: median(all.map(({ cpuSeconds }) => cpuSeconds / gibibytes)),
  }));
}

async function runRoute(destination: string, route: string, totalBytes: number) {
  const workload: RouteWorkload = { destination, route, totalBytes };
  const count = totalBytes / MESSAGE_BYTES;
  const [sender, receiver] = startAtPipe(
    ['bare-sender', { discard: true, messageBytes: MESSAGE_BYTES, count, warmUp: 0 }],
    ['route-receiver', workload],
  );
  const reports = collectMessages<{ at?: string; cpuMicroseconds?: number }>(receiver);
  await allSucceed([sender, receiver]);
  const [first = 0n, last = 0n] = reports.flatMap(({ at }) => (at === undefined ? [] : BigInt(at)));
  const cpuMicroseconds = reports.at(-1)?.cpuMicroseconds ?? Number.NaN;
  return { seconds: Number(last - first) / 1e9, cpuSeconds: cpuMicroseconds / 1e6 };
}
