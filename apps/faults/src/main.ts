#!/usr/bin/env node
import { runCommand } from '@pageferry/measuring/command';
import { Command } from 'commander';
import { type BackendName, backendNames } from './backends.js';
import { bridge } from './bridge/command.js';
import { integer, log, oneOf } from './command-line.js';
import { hostile } from './hostile/command.js';
import { type Pattern, patterns } from './killing/plan.js';
import { isBackend, isPattern, runStages, type Stage } from './killing/run-stages.js';
import type { RoundReport } from './killing/stage.js';
import { faultsOf, tableOf } from './report.js';

interface Options {
  readonly rounds: number;
  readonly seed?: number;
  readonly backend?: BackendName[];
  readonly pattern?: Pattern[];
  readonly first: number;
  readonly only?: number;
  readonly json?: true;
}

const kill = new Command('kill')
  .description(
    'Kills and stops one side of every pattern over every backend, and checks what that does to the others.',
  )
  .option('--rounds <n>', 'kills of each pattern over each backend', integer, 40)
  .option('--seed <n>', 'what all plans depend on; without it a new one, which is printed', integer)
  .option('--backend <name>', `one of ${backendNames.join(', ')} (repeatable)`, oneOf(isBackend))
  .option('--pattern <name>', `one of ${patterns.join(', ')} (repeatable)`, oneOf(isPattern))
  .option(
    '--first <n>',
    'the number of the first round: a long run may be made in parts',
    integer,
    0,
  )
  .option('--only <n>', 'that round alone', integer)
  .option('--json', 'print what came of each round as JSON instead of a table')
  .action(run);

const program = new Command('test:faults')
  .description('Tries what is hard on both sides of every pattern over every backend.')
  .addCommand(kill, { isDefault: true })
  .addCommand(hostile)
  .addCommand(bridge);

await runCommand(program);

async function run(options: Options): Promise<void> {
  const { seed = Math.floor(Math.random() * 2 ** 31), only, json } = options;
  const backends = options.backend ?? backendNames;
  const which = options.pattern ?? patterns;
  const all = Array.from({ length: options.rounds }, (_, n) => options.first + n);
  const rounds = only === undefined ? all : [only];
  const total = backends.length * which.length * rounds.length;
  log(`seed ${seed}: ${total} kills`);
  let done = 0;
  const onRound = (report: RoundReport): void => {
    done++;
    tellFaults(seed, report);
    const { backend, pattern } = report.plan;
    if (done % 20 === 0 || done === total) log(`${done} of ${total}: ${backend}, ${pattern}`);
  };
  const stages = await runStages({ seed, backends, patterns: which, rounds, onRound });
  for (const stage of stages) tellCrash(stage);
  const faults = stages.reduce((sum, stage) => sum + faultsOf(stage), 0);
  if (json) console.log(JSON.stringify({ seed, stages }));
  else console.log(tableOf(stages, process.stdout.isTTY));
  log(`seed ${seed}: ${faults === 0 ? 'no fault' : `${faults} faults`}`);
  if (faults > 0) process.exitCode = 1;
}

function tellFaults(seed: number, { plan, faults }: RoundReport): void {
  if (faults.length === 0) return;
  const { backend, pattern, round, ...rest } = plan;
  log(
    `--seed ${seed} --backend ${backend} --pattern ${pattern} --only ${round}: ${JSON.stringify(rest)}`,
  );
  for (const fault of faults) log(`  ${fault}`);
}

function tellCrash({ backend, pattern, reports, crash }: Stage): void {
  if (crash !== undefined)
    log(`${backend}, ${pattern}: ended with ${crash} after ${reports.length} rounds`);
}
