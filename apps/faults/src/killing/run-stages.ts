import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type BackendName, backendNames } from '../backends.js';
import { type Pattern, patterns } from './plan.js';
import type { RoundReport, StageSays, StageTask } from './stage.js';

/** What is to be played, and what to do with what comes of it. */
export interface Killing {
  readonly seed: number;
  readonly backends: readonly BackendName[];
  readonly patterns: readonly Pattern[];
  /** Which rounds of each pattern over each backend. */
  readonly rounds: readonly number[];
  /** Called for each round when it is over. */
  readonly onRound: (report: RoundReport) => void;
}

/** All rounds of one pattern over one backend. */
export interface Stage {
  readonly backend: BackendName;
  readonly pattern: Pattern;
  readonly reports: readonly RoundReport[];
  /** How the process of those who live has ended, where that was before its last round was over. */
  readonly crash: string | undefined;
}

/** Plays all patterns over all backends, one after the other. */
export async function runStages(killing: Killing): Promise<readonly Stage[]> {
  const stages: Stage[] = [];
  for (const backend of killing.backends) {
    for (const pattern of killing.patterns) stages.push(await runStage(killing, backend, pattern));
  }
  return stages;
}

async function runStage(killing: Killing, backend: BackendName, pattern: Pattern): Promise<Stage> {
  const { seed, rounds, onRound } = killing;
  const task: StageTask = { seed, backend, pattern, rounds };
  const reports: RoundReport[] = [];
  const child = fork(new URL('stage.js', import.meta.url), [JSON.stringify(task)], {
    execArgv: [],
  });
  let isOver = false;
  child.on('message', (says: StageSays) => {
    if ('over' in says) {
      isOver = true;
      return;
    }
    reports.push(says);
    onRound(says);
  });
  const [code, signal] = await once(child, 'exit');
  const isWhole = isOver && code === 0 && reports.length === rounds.length;
  return { backend, pattern, reports, crash: isWhole ? undefined : String(signal ?? code) };
}

/** Whether there is a backend of this name. */
export function isBackend(name: string): name is BackendName {
  return (backendNames as readonly string[]).includes(name);
}

/** Whether there is a pattern of this name. */
export function isPattern(name: string): name is Pattern {
  return (patterns as readonly string[]).includes(name);
}
