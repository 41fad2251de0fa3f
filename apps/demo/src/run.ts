import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AUTOMATIC, type BackendChoice } from './backends.js';
import { type Child, startChild } from './child.js';
import { codeOf, DemoError, describe } from './errors.js';
import type { Progress } from './progress.js';
import type { ReceiveReport } from './receive.js';
import type { Outcome, Result } from './report.js';
import type { SendReport } from './send.js';
import { GIBIBYTE, ratio } from './units.js';
import { sha256OfFile } from './verify.js';

/** What the runner is told. */
export interface RunOptions {
  readonly file: string;
  readonly backends: readonly BackendChoice[];
  readonly messageBytes: number;
}

/** The file that every backend has to bring across. */
interface Original {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Sends one file through each backend in turn, from one process to another, and checks it. */
export async function* run(
  options: RunOptions,
  progressFor: (backend: BackendChoice) => Progress,
  signal: AbortSignal,
): AsyncGenerator<Outcome> {
  const original = await examine(options.file, signal);
  const folder = await mkdtemp(join(tmpdir(), 'pageferry-demo-'));
  try {
    for (const backend of options.backends) {
      const progress = progressFor(backend);
      progress.start(original.bytes);
      let outcome: Outcome;
      try {
        outcome = await transfer(backend, original, folder, options, progress, signal);
      } catch (error) {
        signal.throwIfAborted();
        outcome = {
          backend,
          usable: !isUnavailable(error),
          reason: describe(error),
        };
      } finally {
        progress.stop();
      }
      yield outcome;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Digests the file; which also brings it into the page cache, for all backends alike. */
async function examine(path: string, signal: AbortSignal): Promise<Original> {
  const stats = await stat(path);
  if (stats.isDirectory()) throw new DemoError('EISDIR', `${path} is a directory`);
  if (!stats.isFile()) throw new DemoError('EINVAL', `${path} is not a plain file`);
  return { path, bytes: stats.size, sha256: await sha256OfFile(path, signal) };
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
    stop();
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
