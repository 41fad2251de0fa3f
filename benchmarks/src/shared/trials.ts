import { allSucceed, collectMessages } from '@pageferry/measuring/children';
import { startPeer, temporaryPath } from '../children.js';
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

/** A fresh sender, and as many fresh receivers as the workload wants. */
export async function runTransport(workload: Unplaced<Workload>): Promise<Trial> {
  const { trial } = await runSampled(workload);
  return trial;
}

/** As {@link runTransport}; also what sender and receivers told of themselves on the way. */
export async function runSampled(
  workload: Unplaced<Workload>,
): Promise<{ trial: Trial; sender: readonly Sample[]; receiver: readonly Sample[] }> {
  const placed = { ...workload, endpoint: temporaryPath() };
  const flags = workload.samples ? STEADY : [];
  const sender = startPeer('shared-sender', placed, undefined, flags);
  const receivers = Array.from({ length: workload.receivers }, () =>
    startPeer('shared-receiver', placed, undefined, flags),
  );
  const sent = collectMessages<Report>(sender);
  const received = receivers.map((receiver) => collectMessages<Report>(receiver));
  await allSucceed([sender, ...receivers]);
  return {
    trial: onlyTrial(sent),
    sender: samplesOf(sent),
    receiver: samplesOf(received[0] ?? []),
  };
}

/** Two fresh processes that throw a message to and fro: over a connection for each direction, or as requests over one. */
export async function runPingPong(
  peer: 'ping-pong' | 'request-pong',
  workload: Omit<Unplaced<PingPongWorkload>, 'begins'>,
): Promise<Trial> {
  const endpoint = temporaryPath();
  const start = (begins: boolean) => startPeer(peer, { ...workload, endpoint, begins });
  const first = start(true);
  const reports = collectMessages<Report>(first);
  await allSucceed([first, start(false)]);
  return onlyTrial(reports);
}

/** A fresh process that sends to a child of its own over one of Node's channels. */
export async function runChannel(
  channel: Channel,
  workload: Omit<Unplaced<ChannelWorkload>, 'channel'>,
): Promise<Trial> {
  return runPeer('channel-sender', { ...workload, channel });
}

/** A fresh process of `peers/` that starts the other ones by itself, and reports one trial. */
export async function runPeer(name: string, workload: object): Promise<Trial> {
  const peer = startPeer(name, { ...workload, endpoint: temporaryPath() });
  const reports = collectMessages<Report>(peer);
  await allSucceed([peer]);
  return onlyTrial(reports);
}

type Report = Trial | { readonly sample: Sample };

function onlyTrial(reports: readonly Report[]): Trial {
  const trials = reports.filter((report) => 'nanoseconds' in report);
  const [trial] = trials;
  if (trial === undefined || trials.length > 1) throw new Error(`${trials.length} trials reported`);
  return trial;
}

function samplesOf(reports: readonly Report[]): Sample[] {
  return reports.flatMap((report) => ('sample' in report ? [report.sample] : []));
}
