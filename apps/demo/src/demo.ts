import { type BackendChoice, backendNames } from './backends.js';
import { createProgress } from './progress.js';
import { isResult, type Outcome, toJson, toLine, toTable } from './report.js';
import { run } from './run.js';

/** What `demo` is told. */
export interface DemoOptions {
  readonly file: string;
  /** All of them by default, and then one that does not work here is no failure. */
  readonly backend?: readonly BackendChoice[] | undefined;
  readonly messageBytes: number;
  readonly json?: boolean | undefined;
}

/** Runs the demo and prints what came of it. Resolves to true if every byte arrived. */
export async function runAndReport(options: DemoOptions, signal: AbortSignal): Promise<boolean> {
  const { file, messageBytes, json } = options;
  const backends = [...new Set(options.backend ?? backendNames)];
  const width = Math.max(...backends.map((name) => name.length));
  console.error(`Bringing ${file} from one process to another`);

  const outcomes: Outcome[] = [];
  const progressFor = (name: BackendChoice) => createProgress(name.padEnd(width));
  for await (const outcome of run({ file, backends, messageBytes }, progressFor, signal)) {
    outcomes.push(outcome);
    // On a terminal, the bar and the table say the same.
    if (!process.stderr.isTTY || json) console.error(toLine(outcome));
  }

  // hasColors respects NO_COLOR.
  const colors = process.stdout.isTTY && process.stdout.hasColors();
  console.log(json ? toJson(outcomes) : toTable(outcomes, colors));

  const arrived = outcomes.some(isResult);
  return arrived && outcomes.every((outcome) => isFine(outcome, options.backend !== undefined));
}

function isFine(outcome: Outcome, askedFor: boolean): boolean {
  return isResult(outcome) ? outcome.verified : !outcome.usable && !askedFor;
}
