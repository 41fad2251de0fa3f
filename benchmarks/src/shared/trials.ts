import type { ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allSucceed, startPeer } from '../children.js';
import type {
  Channel,
  ChannelWorkload,
  PingPongWorkload,
  Sample,
  Trial,
  Workload,
} from './workload.js';

/** A workload without the place where the peers meet. */
export type Unplaced<W> = Omit<W, 'endpoint'>;

/**
 * For a look at growth. V8 doubles its young generation now and then, up to 16 MiB twice, also hours
 * after the start: it begins with that here, so that what grows has another reason.
 */
const STEADY = ['--min-semi-space-size=16'];

let places = 0;

function newEndpoint(): string {
  return join(tmpdir(), `pageferry-bench-${process.pid}-${places++}.sock`);
}

/** A fresh sender, and as many fresh receivers as the workload wants. */
export async function runTransport(workload: Unplaced<Workload>): Promise<Trial> {
  const { trial } = await runSampled(workload);
  return trial;
}

/** As {@link runTransport}; also what sender and receivers told of themselves on the way. */
export async function runSampled(
  workload: Unplaced<Workload>,
): Promise<{ trial: Trial; sender: readonly Sample[]; receiver: readonly Sample[] }> {
  const words = [JSON.stringify({ ...workload, endpoint: newEndpoint() })];
  const flags = workload.samples ? STEADY : [];
  const sender = startPeer('shared-sender', words, undefined, flags);
  const receivers = Array.from({ length: workload.receivers }, () =>
    startPeer('shared-receiver', words, undefined, flags),
  );
  const sent = collectReports(sender);
  const [received] = receivers.map(collectReports);
  await allSucceed([sender, ...receivers]);
  return {
    trial: onlyTrial(sent),
    sender: samplesOf(sent),
    receiver: samplesOf(received ?? []),
  };
}

/** Two fresh processes that throw a message to and fro. */
export async function runPingPong(
  workload: Omit<Unplaced<PingPongWorkload>, 'begins'>,
): Promise<Trial> {
  const endpoint = newEndpoint();
  const [first, second] = [true, false].map((begins) =>
    startPeer('ping-pong', [JSON.stringify({ ...workload, endpoint, begins })]),
  ) as [ChildProcess, ChildProcess];
  const reports = collectReports(first);
  await allSucceed([first, second]);
  return onlyTrial(reports);
}

/** A fresh process that sends to a child of its own over one of Node's channels. */
export async function runChannel(
  channel: Channel,
  workload: Omit<Unplaced<ChannelWorkload>, 'channel'>,
): Promise<Trial> {
  const endpoint = newEndpoint();
  const sender = startPeer('channel-sender', [JSON.stringify({ ...workload, channel, endpoint })]);
  const reports = collectReports(sender);
  await allSucceed([sender]);
  return onlyTrial(reports);
}

type Report = Trial | { readonly sample: Sample };

/** What a peer reports, as it comes. */
function collectReports(peer: ChildProcess): Report[] {
  const reports: Report[] = [];
  peer.on('message', (report) => reports.push(report as Report));
  return reports;
}

function onlyTrial(reports: readonly Report[]): Trial {
  const trials = reports.filter((report) => 'nanoseconds' in report);
  const [trial] = trials;
  if (trial === undefined || trials.length > 1) throw new Error(`${trials.length} trials reported`);
  return trial;
}

function samplesOf(reports: readonly Report[]): Sample[] {
  return reports.flatMap((report) => ('sample' in report ? [report.sample] : []));
}
