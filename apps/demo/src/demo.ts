import { type BackendChoice, backendNames } from './backends.js';
import { createProgress } from './progress.js';
import { isResult, type Outcome, toJson, toLine, toText } from './report.js';
import { run, sizeOf } from './run.js';
import { columnsOfStdout, print } from './stdout.js';

/** What `demo` is told. */
export interface DemoOptions {
  readonly file: string;
  /** All of them by default, and then one that does not work here is no failure. */
  readonly backend?: readonly BackendChoice[] | undefined;
  readonly messageBytes: number;
  readonly rounds: number;
  readonly json?: boolean | undefined;
}

/** Runs the demo and prints what came of it. Resolves to true if every byte arrived. */
export async function runAndReport(options: DemoOptions, signal: AbortSignal): Promise<boolean> {
  const { file, messageBytes, rounds, json } = options;
  const backends = [...new Set(options.backend ?? backendNames)];
  const width = Math.max(...backends.map((name) => name.length));
  await sizeOf(file); // What cannot be sent is not announced.
  console.error(`Bringing ${file} from one process to another`);

  const progressFor = (name: BackendChoice, step: string) =>
    createProgress(`${name.padEnd(width)}  ${step}`, { passing: true });
  const outcomes = await run({ file, backends, messageBytes, rounds }, progressFor, signal);

  // On a terminal, the table says the same.
  if (!process.stderr.isTTY || json) {
    for (const outcome of outcomes) console.error(toLine(outcome));
  }

  // hasColors respects NO_COLOR.
  const colors = process.stdout.isTTY && process.stdout.hasColors();
  await print(json ? toJson(outcomes) : toText(outcomes, colors, columnsOfStdout()));

  const arrived = outcomes.some(isResult);
  return arrived && outcomes.every((outcome) => isFine(outcome, options.backend !== undefined));
}

function isFine(outcome: Outcome, askedFor: boolean): boolean {
  return isResult(outcome) ? outcome.verified : !outcome.usable && !askedFor;
}
