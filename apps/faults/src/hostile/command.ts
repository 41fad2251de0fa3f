import { Command } from 'commander';
import { type BackendName, backendNames } from '../backends.js';
import { integer, log, oneOf } from '../command-line.js';
import { faultsOf, tableOf } from './report.js';
import { isBackend, isPattern, isSide, runStages, type Stage } from './run-stages.js';
import { type Pattern, patterns, type Side, sides } from './task.js';

interface Options {
  readonly changes: number;
  readonly lives: number;
  readonly crowd: number;
  readonly quiet: boolean;
  readonly seed?: number;
  readonly backend?: BackendName[];
  readonly pattern?: Pattern[];
  readonly side?: Side[];
  readonly life?: number;
  readonly json?: true;
}

/** `pnpm test:faults hostile`. */
export const hostile: Command = new Command('hostile')
  .description(
    'Has a peer break the protocol beside an honest one, in every pattern over every backend and on either side.',
  )
  .option('--changes <n>', 'changes of shared words, in each stage', integer, 1_000_000)
  .option('--lives <n>', 'lives of the hostile peer in each stage, at least', integer, 200)
  .option('--crowd <n>', 'how many of it connect at once, now and then', integer, 1000)
  .option('--no-quiet', 'never leave the others alone: twice as fast, and no rates to compare')
  .option('--seed <n>', 'what all lives depend on; without it a new one, which is printed', integer)
  .option('--backend <name>', `one of ${backendNames.join(', ')} (repeatable)`, oneOf(isBackend))
  .option('--pattern <name>', `one of ${patterns.join(', ')} (repeatable)`, oneOf(isPattern))
  .option('--side <name>', `the hostile one: ${sides.join(' or ')} (repeatable)`, oneOf(isSide))
  .option('--life <n>', 'that life alone, again and again', integer)
  .option('--json', 'print what came of each stage as JSON instead of a table')
  .action(run);

async function run(options: Options): Promise<void> {
  const { seed = Math.floor(Math.random() * 2 ** 31), json, changes, lives, crowd, life } = options;
  log(`seed ${seed}`);
  const stages = await runStages({
    seed,
    backends: options.backend ?? backendNames,
    patterns: options.pattern ?? patterns,
    sides: options.side ?? sides,
    changes,
    leastLives: lives,
    crowd,
    hasQuiet: options.quiet,
    ...(life === undefined ? {} : { life }),
    onStage: (stage) => tell(seed, stage),
  });
  if (json) console.log(JSON.stringify({ seed, stages }));
  else console.log(tableOf(stages, process.stdout.isTTY));
  const faults = stages.reduce((sum, stage) => sum + faultsOf(stage).length, 0);
  log(`seed ${seed}: ${faults === 0 ? 'no fault' : `${faults} faults`}`);
  if (faults > 0) process.exitCode = 1;
}

function tell(seed: number, stage: Stage): void {
  const { backend, pattern, side } = stage.task;
  const { lives = 0, changes = 0 } = stage.report?.deeds ?? {};
  const faults = faultsOf(stage);
  log(`${backend}, ${pattern}, ${side}: ${lives} lives, ${changes} changes`);
  if (faults.length === 0) return;
  log(`hostile --seed ${seed} --backend ${backend} --pattern ${pattern} --side ${side}:`);
  for (const fault of faults) log(`  ${fault}`);
}
