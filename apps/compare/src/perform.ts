import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { compare } from './comparison.js';
import type { Options } from './options.js';
import { isQuick, planCases } from './plan/cases.js';
import { createProgress } from './progress.js';
import { renderReport } from './report/html.js';
import { renderMainPlot } from './report/main-plot.js';
import { renderTerminal } from './report/terminal.js';
import { compareWithBaseline } from './results/baseline.js';
import { type Cell, collect } from './results/collect.js';
import { describeMachine } from './results/machine.js';
import { mergeResults } from './results/merge.js';
import type { Results } from './results/results.js';
import { checkResults } from './results/schema.js';
import type { Subject } from './subjects/subject.js';

// V8 compiles for about half a second: docs/decisions/0018-measure-after-compiling.md.
const TIMING = { warmUpMilliseconds: 500, measureMilliseconds: 150 };
const FULL_RUNS = 3;
const QUICK_RUNS = 1;

/**
 * Does what the command line says, and sets the exit status: 0 if everything that was to be measured
 * was, 1 if something failed or cannot be read, 128 and the signal's number if a signal ended it.
 */
export async function perform(options: Options, subjects: readonly Subject[]): Promise<void> {
  const interruption = untilInterrupted();
  try {
    // What cannot be read is said before minutes go by.
    const baseline = options.baseline && (await readResults(options.baseline));
    await mkdir(options.out, { recursive: true });
    const results = options.from
      ? mergeResults(await Promise.all(options.from.map(readResults)))
      : await measure(options, subjects, interruption.signal);
    const plot = renderMainPlot(results);
    if (plot !== undefined) await writeFile(join(options.out, 'throughput.svg'), plot);
    const changes = baseline ? compareWithBaseline(results, baseline) : undefined;
    await Promise.all([
      writeFile(join(options.out, 'results.json'), toJson(results)),
      writeFile(join(options.out, 'report.html'), renderReport(results, changes)),
    ]);
    process.stdout.write(options.json ? toJson(results) : renderTerminal(results, changes));
    process.stderr.write(`${join(options.out, 'report.html')} has the plots\n`);
    process.exitCode = statusOf(results, options);
  } catch (error) {
    process.stderr.write(`compare: ${(error as Error).message}\n`);
    process.exitCode = 1;
  } finally {
    const ended = interruption.endedBy();
    if (ended !== undefined) process.exitCode = 128 + constants.signals[ended];
    interruption.stop();
  }
}

async function measure(
  options: Options,
  subjects: readonly Subject[],
  signal: AbortSignal,
): Promise<Results> {
  const quick = options.quick === true;
  const cells: Cell[] = [];
  const progress = createProgress();
  const folder = await mkdtemp(join(tmpdir(), 'pageferry-compare-'));
  const plan = {
    timing: TIMING,
    cases: planCases(options.scenario, options.size, quick),
    subjects: subjects.filter(
      (each) => options.subject?.includes(each.name) ?? (!quick || isQuick(each)),
    ),
    runs: options.runs ?? (quick ? QUICK_RUNS : FULL_RUNS),
  };
  let interrupted = false;
  try {
    await compare(plan, cells, { folder, signal }, progress);
  } catch (error) {
    if (!signal.aborted) throw error;
    interrupted = true;
    progress.note('Interrupted: what was measured until now is kept.');
  } finally {
    progress.stop();
    await rm(folder, { recursive: true, force: true });
  }
  return {
    schema: 1,
    machine: describeMachine(),
    ...(interrupted && { interrupted }),
    results: collect(cells),
  };
}

/** Six digits are more than a measurement has. */
function toJson(results: Results): string {
  const rounded = (_key: string, value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
  return `${JSON.stringify(results, rounded, 1)}\n`;
}

async function readResults(path: string): Promise<Results> {
  try {
    return checkResults(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
}

/** A subject that is not there is no failure, unless it was asked for by name. */
function statusOf({ results }: Results, { subject }: Options): number {
  const bad = results.some(
    ({ failure }) =>
      failure !== undefined &&
      (subject !== undefined || failure.kind === 'failed' || failure.kind === 'spoiled'),
  );
  return bad || results.length === 0 ? 1 : 0;
}

function untilInterrupted() {
  const controller = new AbortController();
  const signals = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;
  let ended: NodeJS.Signals | undefined;
  const end = (name: NodeJS.Signals) => {
    ended ??= name;
    controller.abort(new Error(name));
  };
  for (const name of signals) process.once(name, end);
  return {
    signal: controller.signal,
    endedBy: () => ended,
    stop() {
      for (const name of signals) process.off(name, end);
    },
  };
}
