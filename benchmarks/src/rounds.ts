import { measureRounds } from '@pageferry/measuring/rounds';
import { largest, ratios, type Spread, spread } from '@pageferry/measuring/statistics';
import { gibPerSecond } from '@pageferry/measuring/units';
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

/** Runs every subject once a round, in turn. */
export async function runRounds(
  task: Task,
  rounds: number,
  log: (line: string) => void,
): Promise<RoundsResult> {
  const rates = await measureRounds(
    await subjectsFor(task),
    rounds,
    async (subject) => {
      const { bytes, nanoseconds } = await subject.run(task);
      return gibPerSecond(bytes, nanoseconds);
    },
    (round) => log(`${task.path}, ${task.messageBytes} bytes: ${round}`),
  );
  const those = (fits: (subject: Subject) => boolean) =>
    [...rates].filter(([subject]) => fits(subject)).map(([, measured]) => measured);
  const [framed = []] = those(({ name }) => name === FRAMED);
  const [bare = []] = those(({ name }) => name === BARE);
  const [stdio] = those(({ name }) => name === STDIO);
  const limit = largest(those(({ kind }) => kind === 'limit'));
  const oneBuffer = largest(those(({ kind }) => kind === 'one-buffer'));
  return {
    task,
    rounds,
    subjects: Array.from(rates, ([{ name }, measured]) => ({
      name,
      gibPerSecond: spread(measured),
    })),
    ratioToBare: spread(ratios(framed, bare)),
    ...(limit && { ratioToLimit: spread(ratios(framed, limit)) }),
    ...(oneBuffer && { ratioToOneBuffer: spread(ratios(framed, oneBuffer)) }),
    ...(stdio && { ratioToStdio: spread(ratios(framed, stdio)) }),
  };
}
