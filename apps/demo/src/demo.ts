import { type AcrossName, type BackendChoice, backendNames, type Servers } from './backends.js';
import { openGround } from './ground.js';
import { createProgress } from './progress.js';
import { isResult, LEGEND_ACROSS, type Outcome, toJson, toLine, toText } from './report.js';
import { run, sizeOf } from './run.js';
import { columnsOfStdout, print } from './stdout.js';

/** What `demo` is told. */
export interface DemoOptions {
  readonly file: string;
  /** All of them by default, and then one that does not work here is no failure. */
  readonly backend?: readonly BackendChoice[] | undefined;
  /** Between two hosts instead, by this. */
  readonly across?: AcrossName | undefined;
  /** Where its servers are. By default one is started. */
  readonly servers?: Servers;
  readonly messageBytes: number;
  readonly rounds: number;
  readonly json?: boolean | undefined;
}

/** Runs the demo and prints what came of it. Resolves to true if every byte arrived. */
export async function runAndReport(options: DemoOptions, signal: AbortSignal): Promise<boolean> {
  const { file, messageBytes, rounds, json, across } = options;
  const asked = across === undefined ? options.backend : [across];
  const backends = [...new Set<BackendChoice>(asked ?? backendNames)];
  const width = Math.max(...backends.map((name) => name.length));
  await sizeOf(file); // What cannot be sent is not announced.
  await using ground = across === undefined ? undefined : await openGround(options.servers, signal);
  const way = ground === undefined ? 'from one process to another' : ground.way;
  console.error(`Bringing ${file} ${way}`);

  const progressFor = (name: BackendChoice, step: string) =>
    createProgress(`${name.padEnd(width)}  ${step}`, { passing: true });
  const outcomes = await run({ file, backends, messageBytes, rounds, ground }, progressFor, signal);

  // On a terminal, the table says the same.
  if (!process.stderr.isTTY || json) {
    for (const outcome of outcomes) console.error(toLine(outcome));
  }

  // hasColors respects NO_COLOR.
  const colors = process.stdout.isTTY && process.stdout.hasColors();
  const legend = ground === undefined ? undefined : LEGEND_ACROSS;
  await print(json ? toJson(outcomes) : toText(outcomes, colors, columnsOfStdout(), legend));

  const arrived = outcomes.some(isResult);
  return arrived && outcomes.every((outcome) => isFine(outcome, asked !== undefined));
}

function isFine(outcome: Outcome, askedFor: boolean): boolean {
  return isResult(outcome) ? outcome.verified : !outcome.usable && !askedFor;
}
