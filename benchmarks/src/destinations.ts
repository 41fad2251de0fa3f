import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPipe, growPipe } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { median } from 'simple-statistics';
import { allSucceed, startPeer } from './children.js';

/** Where a receiver may send a message on to. */
const DESTINATIONS = ['file in the page cache', 'file with O_DIRECT', 'tcp', 'unix'] as const;
const ROUTES = ['splice', 'read-write'] as const;
const PIPE_BYTES = 1024 * 1024;
const MESSAGE_BYTES = 1024 * 1024;

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
  const trials = new Map<
    string,
    { destination: string; route: string; rates: number[]; cpu: number[] }
  >();
  for (let round = 1; round <= rounds; round++) {
    log(`destinations: round ${round} of ${rounds}`);
    for (const destination of DESTINATIONS) {
      for (const route of ROUTES) {
        const key = `${destination} ${route}`;
        const entry = trials.get(key) ?? { destination, route, rates: [], cpu: [] };
        trials.set(key, entry);
        const { seconds, cpuSeconds } = await runRoute(destination, route, totalBytes);
        entry.rates.push(totalBytes / 2 ** 30 / seconds);
        entry.cpu.push(cpuSeconds / (totalBytes / 2 ** 30));
      }
    }
  }
  return Array.from(trials.values(), ({ destination, route, rates, cpu }) => ({
    destination,
    route,
    gibPerSecond: median(rates),
    cpuSecondsPerGib: median(cpu),
  }));
}

async function runRoute(destination: string, route: string, totalBytes: number) {
  const drain = destination.includes('file') ? undefined : startDrain(destination);
  const [address] = drain === undefined ? [''] : await once(drain, 'message');
  const calls = loadLinuxCalls();
  const { readEnd, writeEnd } = createPipe(calls);
  growPipe(calls, writeEnd.fd, PIPE_BYTES);
  for (const end of [readEnd, writeEnd]) calls.setStatusFlags(end.fd, 0);
  const sizes = [MESSAGE_BYTES, totalBytes, 0].map(String);
  const sender = startPeer('bare-sender', ['', 'discard', ...sizes], writeEnd.fd);
  const words = [destination, route, `${totalBytes}`, `${address}`];
  const receiver = startPeer('route-receiver', words, readEnd.fd);
  readEnd.close();
  writeEnd.close();
  const times: bigint[] = [];
  let cpuMicroseconds = 0;
  receiver.on('message', (message: { at?: string; cpuMicroseconds?: number }) => {
    if (message.at !== undefined) times.push(BigInt(message.at));
    cpuMicroseconds += message.cpuMicroseconds ?? 0;
  });
  const children = [sender, receiver, ...(drain ? [drain] : [])];
  await allSucceed(children);
  const [first = 0n, last = 0n] = times;
  return { seconds: Number(last - first) / 1e9, cpuSeconds: cpuMicroseconds / 1e6 };
}

function startDrain(kind: string): ChildProcess {
  const path = join(tmpdir(), `pageferry-drain-${process.pid}-${process.hrtime.bigint()}`);
  return startPeer('drain', [kind, path]);
}
