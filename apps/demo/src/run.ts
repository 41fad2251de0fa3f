import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AUTOMATIC, type BackendChoice } from './backends.js';
import { type Child, startChild } from './child.js';
import { codeOf, DemoError, describe } from './errors.js';
import type { Progress } from './progress.js';
import type { ReceiveReport } from './receive.js';
import type { Failure, Outcome, Result } from './report.js';
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
 * The others are interleaved, so that what disturbs the machine for a while disturbs all backends alike.
 *
 * @returns for each backend the median of its rounds, or why it failed.
 */
export async function run(
  options: RunOptions,
  progressFor: (backend: BackendChoice, round: number) => Progress,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const original = await examine(options.file, signal);
  const folder = await mkdtemp(join(tmpdir(), 'pageferry-demo-'));
  const results = new Map(options.backends.map((backend) => [backend, [] as Result[]]));
  const failures = new Map<BackendChoice, Failure>();
  try {
    for (let round = 0; round <= options.rounds; round++) {
      for (const backend of options.backends) {
        if (failures.has(backend)) continue;
        const progress = progressFor(backend, round);
        progress.start(original.bytes);
        try {
          const result = await transfer(backend, original, folder, options, progress, signal);
          if (round > WARM_UP) results.get(backend)?.push(result);
        } catch (error) {
          signal.throwIfAborted();
          const usable = !isUnavailable(error);
          failures.set(backend, { backend, usable, reason: describe(error) });
        } finally {
          progress.stop();
        }
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return options.backends.map(
    (backend) => failures.get(backend) ?? median(results.get(backend) ?? []),
  );
}

/** The round that does not count. */
export const WARM_UP = 0;

/** The middle one of several results. It counts as verified only if all of them are. */
export function median(results: readonly Result[]): Result {
  const sorted = [...results].sort((one, other) => one.seconds - other.seconds);
  const middle = sorted[(sorted.length - 1) >> 1] as Result;
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
): Promise<Result> {
  const arrived = join(folder, 'arrived');
  const meeting = ['--backend', backend, '--endpoint', join(folder, 'endpoint')];
  const pieces = ['--message-bytes', String(options.messageBytes)];
  const sender = startChild<SendReport>(
    ['send', ...meeting, ...pieces, '--', original.path],
    () => {},
  );
  const receiver = startChild<ReceiveReport>(['receive', ...meeting, '--out', arrived], (bytes) =>
    progress.moved(bytes),
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
    userSpaceCopies: sent.userSpaceCopies + received.userSpaceCopies,
    sha256,
    verified: sha256 === original.sha256 && received.bytes === original.bytes,
    notes: [...notesOnMethod(sent), ...(backend === AUTOMATIC ? notesOnChoice(sent) : [])],
  };
}

function notesOnMethod({ backend, method, methodReason }: SendReport): string[] {
  return methodReason === undefined ? [] : [`${backend}: sent with ${method}: ${methodReason}`];
}

function notesOnChoice({ backend, reasons }: SendReport): string[] {
  return [`${AUTOMATIC} took ${backend}:`, ...reasons.map((reason) => `  ${reason}`)];
}

/** Waits for both processes. When one fails, or the user gives up, the other has to end too. */
async function both<A, B>(first: Child<A>, second: Child<B>, signal: AbortSignal): Promise<[A, B]> {
  const failures: unknown[] = [];
  const stop = () => {
    first.stop();
    second.stop();
  };
  const fail = (error: unknown) => {
    failures.push(error);
    // Who says that the other one has left need not end it: that would keep it from saying why.
    if (codeOf(error) !== 'PEER_DIED') stop();
  };
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  first.report.catch(fail);
  second.report.catch(fail);
  try {
    await Promise.all([first.ended, second.ended]);
    signal.throwIfAborted();
    return await Promise.all([first.report, second.report]);
  } catch (error) {
    // Whoever was left alone says so too; the reason is what the other one says.
    throw failures.find((failure) => !CONSEQUENCES.has(codeOf(failure))) ?? failures[0] ?? error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

const CONSEQUENCES = new Set(['PEER_DIED', 'CHILD_ENDED'] as (string | undefined)[]);

function isUnavailable(error: unknown): boolean {
  return codeOf(error) === 'BINDING_UNAVAILABLE' || codeOf(error) === 'NOT_SUPPORTED';
}
