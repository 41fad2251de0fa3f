import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type BackendName, backendNames } from '../backends.js';
import { type Pattern, patterns, type Side, type StageReport, sides, type Task } from './task.js';

/** What is to be played. */
export interface Hostilities {
  readonly seed: number;
  readonly backends: readonly BackendName[];
  readonly patterns: readonly Pattern[];
  readonly sides: readonly Side[];
  readonly changes: number;
  readonly leastLives: number;
  readonly crowd: number;
  readonly hasQuiet: boolean;
  readonly life?: number;
  /** Called for each stage when it is over. */
  readonly onStage: (stage: Stage) => void;
}

/** One pattern over one backend, with a hostile peer on one side. */
export interface Stage {
  readonly task: Task;
  readonly report: StageReport | undefined;
  /** How the process that was played against has ended, where that was before the stage was over. */
  readonly crash: string | undefined;
}

/** A socket has no memory to change: there it is frames, of which so many fewer go in the same time. */
const CHANGES_PER_FRAME = 1000;

/** Plays all stages, one after the other. */
export async function runStages(hostilities: Hostilities): Promise<readonly Stage[]> {
  const { seed, leastLives, crowd, hasQuiet, life, changes, onStage } = hostilities;
  const stages: Stage[] = [];
  for (const backend of hostilities.backends) {
    for (const pattern of hostilities.patterns) {
      for (const side of hostilities.sides) {
        const each = backend === 'socket' ? Math.ceil(changes / CHANGES_PER_FRAME) : changes;
        const task = { seed, backend, pattern, side, changes: each, leastLives, crowd, hasQuiet };
        const stage = await runStage(life === undefined ? task : { ...task, life });
        stages.push(stage);
        onStage(stage);
      }
    }
  }
  return stages;
}

async function runStage(task: Task): Promise<Stage> {
  const child = fork(new URL('victim.js', import.meta.url), [JSON.stringify(task)], {
    execArgv: [],
  });
  let report: StageReport | undefined;
  child.on('message', (said: StageReport) => {
    report = said;
  });
  const [code, signal] = await once(child, 'exit');
  const isWhole = code === 0 && report !== undefined;
  return { task, report, crash: isWhole ? undefined : String(signal ?? code) };
}

/** Whether there is a side of this name. */
export function isSide(name: string): name is Side {
  return (sides as readonly string[]).includes(name);
}

/** Whether there is a pattern of this name. */
export function isPattern(name: string): name is Pattern {
  return (patterns as readonly string[]).includes(name);
}

/** Whether there is a backend of this name. */
export function isBackend(name: string): name is BackendName {
  return (backendNames as readonly string[]).includes(name);
}
