import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AUTOMATIC, type BackendChoice } from './backends.js';
import { both } from './both.js';
import { startChild } from './child.js';
import { codeOf, DemoError, describe } from './errors.js';
import { type Ground, hereOrThere } from './ground.js';
import { middleOf } from './median.js';
import type { Progress } from './progress.js';
import type { ReceiveReport } from './receive.js';
import type { Failure, Outcome, RoundTrip, Transfer } from './report.js';
import { measureRoundTrip } from './round-trips.js';
import type { SendReport } from './send.js';
import { GIBIBYTE, ratio } from './units.js';
import { sha256OfFile } from './verify.js';

/** What the runner is told. */
export interface RunOptions {
  readonly file: string;
  readonly backends: readonly BackendChoice[];
  readonly messageBytes: number;
  /** How often each backend brings the file across, once for warming up not counted. */
  readonly rounds: number;
  /** Two hosts and servers, for what goes across. */
  readonly ground?: Ground | undefined;
}

/** The file that every backend has to bring across. */
interface Original {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Sends one file through every backend, from one process to another, and checks it. A first round warms
 * the machine up, and does not count: whatever comes first in it pays for reading programs from the disk.
 * The others are interleaved, so that what disturbs the machine for a while disturbs all backends alike. Then two
 * processes ask and answer over each of them.
 *
 * @param progressFor shows how a backend does in one step of all this.
 * @returns for each backend the median of its rounds, or why it failed.
 */
export async function run(
  options: RunOptions,
  progressFor: (backend: BackendChoice, step: string) => Progress,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const original = await examine(options.file, signal);
  const folder = await mkdtemp(join(tmpdir(), 'pageferry-demo-'));
  const results = new Map(options.backends.map((backend) => [backend, [] as Transfer[]]));
  const roundTrips = new Map<BackendChoice, RoundTrip>();
  const failures = new Map<BackendChoice, Failure>();
  const forEach = async (
    step: string,
    task: (backend: BackendChoice, progress: Progress) => Promise<void>,
  ): Promise<void> => {
    for (const backend of options.backends) {
      if (failures.has(backend)) continue;
      const progress = progressFor(backend, step);
      try {
        await task(backend, progress);
      } catch (error) {
        signal.throwIfAborted();
        const usable = !isUnavailable(error);
        failures.set(backend, { backend, usable, reason: describe(error) });
      } finally {
        progress.stop();
      }
    }
  };
  const measured = (backend: BackendChoice): Transfer => median(results.get(backend) ?? []);
  try {
    for (let round = 0; round <= options.rounds; round++) {
      const isWarmUp = round === 0;
      const step = isWarmUp ? 'warming up' : `round ${round} of ${options.rounds}`;
      await forEach(step, async (backend, progress) => {
        progress.start(original.bytes);
        const result = await transfer(backend, original, folder, options, progress, signal);
        if (!isWarmUp) results.get(backend)?.push(result);
      });
    }
    await forEach('round trips', async (backend, progress) => {
      const name = measured(backend).backend; // Where it is chosen, the one that was.
      const meeting = hereOrThere(name, folder, options.ground);
      roundTrips.set(backend, await measureRoundTrip(meeting, progress, signal));
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return options.backends.map((backend) => {
    const roundTrip = roundTrips.get(backend);
    if (roundTrip === undefined) return failures.get(backend) as Failure;
    return { ...measured(backend), roundTrip };
  });
}

/** The middle one of several results. It counts as verified only if all of them are. */
export function median(results: readonly Transfer[]): Transfer {
  const middle = middleOf(results, ({ seconds }) => seconds) as Transfer;
  return results.find(({ verified }) => !verified) ?? middle;
}

/** Digests the file; which also brings it into the page cache, for all backends alike. */
async function examine(path: string, signal: AbortSignal): Promise<Original> {
  const bytes = await sizeOf(path);
  return { path, bytes, sha256: await sha256OfFile(path, signal) };
}

/** How many bytes a file has. Fails if it is not there, or no plain file. */
export async function sizeOf(path: string): Promise<number> {
  const stats = await stat(path);
  if (stats.isDirectory()) throw new DemoError('EISDIR', `${path} is a directory`);
  if (!stats.isFile()) throw new DemoError('EINVAL', `${path} is not a plain file`);
  return stats.size;
}

async function transfer(
  backend: BackendChoice,
  original: Original,
  folder: string,
  options: RunOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<Transfer> {
  const arrived = join(folder, 'arrived');
  const { meeting, hosts } = hereOrThere(backend, folder, options.ground);
  const pieces = ['--message-bytes', String(options.messageBytes)];
  const sender = startChild<SendReport>(
    ['send', ...meeting, ...pieces, '--', original.path],
    () => {},
    hosts[0],
  );
  const receiver = startChild<ReceiveReport>(
    ['receive', ...meeting, '--out', arrived],
    (bytes) => progress.moved(bytes),
    hosts[1],
  );
  const [sent, received] = await both(sender, receiver, signal);
  progress.moved(received.bytes);

  // The clock has stopped. What counts now is what is in the file.
  const sha256 = await sha256OfFile(arrived, signal);
  await rm(arrived);
  const seconds = received.span.endedAt - sent.span.startedAt;
  const cpuSeconds = sent.span.cpuSeconds + received.span.cpuSeconds;
  const gibibytes = received.bytes / GIBIBYTE;
  return {
    backend: sent.backend,
    bytes: received.bytes,
    seconds,
    gibPerSecond: gibibytes / seconds,
    cpuSecondsPerGib: ratio(cpuSeconds, gibibytes),
    // Nobody counts those of servers.
    userSpaceCopies: options.ground ? null : sent.userSpaceCopies + received.userSpaceCopies,
    sha256,
    verified: sha256 === original.sha256 && received.bytes === original.bytes,
    notes: [
      ...notesOnMethod(sent),
      ...(backend === AUTOMATIC ? notesOnChoice(sent) : []),
      ...(options.ground?.notes ?? []),
    ],
  };
}

function notesOnMethod({ backend, method, methodReason }: SendReport): string[] {
  return methodReason === undefined ? [] : [`${backend}: sent with ${method}: ${methodReason}`];
}

function notesOnChoice({ backend, reasons }: SendReport): string[] {
  return [`${AUTOMATIC} took ${backend}:`, ...reasons.map((reason) => `  ${reason}`)];
}

function isUnavailable(error: unknown): boolean {
  return codeOf(error) === 'BINDING_UNAVAILABLE' || codeOf(error) === 'NOT_SUPPORTED';
}
