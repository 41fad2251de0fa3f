import { watchMachine } from '@pageferry/measuring/disturbance';
import { turns } from '@pageferry/measuring/rounds';
import type { Case } from './plan/cases.js';
import type { Progress } from './progress.js';
import type { Cell } from './results/collect.js';
import { isFailure, type Subject, type Surroundings, type Timing } from './subjects/subject.js';

/** What is to be compared. */
export interface Comparison {
  readonly cases: readonly Case[];
  readonly subjects: readonly Subject[];
  /** Trials of every subject in every case. */
  readonly runs: number;
  readonly timing: Timing;
}

/** How many payload checks run side by side; nothing is timed meanwhile. */
const CHECKS_AT_ONCE = 2;

/**
 * Fills cells: first the payload of every subject in every case is checked, then come the runs. In a
 * run every subject has its turn in every case, so that a slow spell of the machine hits all alike.
 *
 * @param cells is filled as it goes, so that an interrupted comparison keeps what it has.
 * @throws the reason of `around.signal` when it fires.
 */
export async function compare(
  plan: Comparison,
  cells: Cell[],
  around: Surroundings,
  progress: Progress,
): Promise<void> {
  cells.push(...(await prepareCells(plan)));
  const fit = cells.filter(({ failure }) => failure === undefined);
  progress.start({ checks: fit.length, trials: fit.length * plan.runs });
  await Promise.all(
    Array.from({ length: CHECKS_AT_ONCE }, (_, lane) =>
      verifyCells(
        fit.filter((_cell, index) => index % CHECKS_AT_ONCE === lane),
        around,
        progress,
      ),
    ),
  );
  for (const { subject: cell, round } of turns(fit, plan.runs, (each) => each.case)) {
    around.signal.throwIfAborted();
    const begin = performance.now();
    if (cell.failure === undefined) await measureCell(cell, round, plan.timing, around);
    progress.done('trials', performance.now() - begin, labelOf(cell));
  }
}

/** Who takes part in which case; also those who are not there, with the reason. */
function prepareCells({ cases, subjects }: Comparison): Promise<Cell[]> {
  const pairs = cases.flatMap((each) =>
    subjects
      .filter((subject) => subject.takesPart(each))
      .map((subject) => ({ subject, case: each })),
  );
  return Promise.all(
    pairs.map(async (pair) => ({
      ...pair,
      trials: new Map(),
      failure: await pair.subject.prepare(pair.case),
    })),
  );
}

async function verifyCells(cells: readonly Cell[], around: Surroundings, progress: Progress) {
  for (const cell of cells) {
    const begin = performance.now();
    cell.failure = await cell.subject.verify(cell.case, around);
    progress.done('checks', performance.now() - begin, labelOf(cell));
  }
}

async function measureCell(cell: Cell, run: number, timing: Timing, around: Surroundings) {
  const disturbance = watchMachine();
  const outcome = await cell.subject.measure(cell.case, timing, around);
  if (isFailure(outcome)) cell.failure = outcome;
  else
    cell.trials.set(run, {
      ...outcome,
      disturbance: disturbance(),
      knobs: { ...outcome.knobs, ...timing },
    });
}

function labelOf({ subject, case: { scenario } }: Cell): string {
  return `${scenario}, ${subject.name}`;
}
