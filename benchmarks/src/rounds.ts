import { median } from 'simple-statistics';
import { type Spread, spread } from './spread.js';
import { BARE, FRAMED, STDIO, type Subject, subjectsFor } from './subjects.js';
import type { Task } from './task.js';

/** What the rounds of one task showed. */
export interface RoundsResult {
  readonly task: Task;
  readonly rounds: number;
  /** GiB/s of each subject. */
  readonly subjects: readonly { readonly name: string; readonly gibPerSecond: Spread }[];
  /** `vmsplice-napi` over the C program with the piece size that was best in the median. */
  readonly ratioToLimit?: Spread;
  /** The same, over the C program that sends the same pages over and over. */
  readonly ratioToOneBuffer?: Spread;
  /** `vmsplice-napi` over the bare system calls in Node: what the contract costs. */
  readonly ratioToBare: Spread;
  /** `vmsplice-napi` over Node's own pipe. */
  readonly ratioToStdio?: Spread;
}

/** Runs every subject once a round, in turn, so that a slow spell of the machine hits all of them. */
export async function runRounds(
  task: Task,
  rounds: number,
  log: (line: string) => void,
): Promise<RoundsResult> {
  const subjects = await subjectsFor(task);
  const rates = new Map<Subject, number[]>(subjects.map((subject) => [subject, []]));
  for (let round = 1; round <= rounds; round++) {
    log(`${task.path}, ${task.messageBytes} bytes: round ${round} of ${rounds}`);
    for (const [subject, measured] of rates) {
      const { bytes, nanoseconds } = await subject.run(task);
      measured.push(bytes / 2 ** 30 / (nanoseconds / 1e9));
    }
  }
  const named = (name: string) => [...rates].find(([subject]) => subject.name === name)?.[1];
  const best = (kind: Subject['kind']) =>
    [...rates]
      .filter(([subject]) => subject.kind === kind)
      .map(([, measured]) => measured)
      .sort((a, b) => median(b) - median(a))[0];
  const limit = best('limit');
  const oneBuffer = best('one-buffer');
  const framed = named(FRAMED) as number[];
  const stdio = named(STDIO);
  return {
    task,
    rounds,
    subjects: Array.from(rates, ([{ name }, measured]) => ({
      name,
      gibPerSecond: spread(measured),
    })),
    ratioToBare: ratios(framed, named(BARE) as number[]),
    ...(limit && { ratioToLimit: ratios(framed, limit) }),
    ...(oneBuffer && { ratioToOneBuffer: ratios(framed, oneBuffer) }),
    ...(stdio && { ratioToStdio: ratios(framed, stdio) }),
  };
}

function ratios(above: readonly number[], below: readonly number[]): Spread {
  return spread(above.map((value, round) => value / (below[round] as number)));
}
