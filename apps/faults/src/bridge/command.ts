import { renderTable } from '@pageferry/measuring/tables';
import { hasNatsServer } from '@pageferry/testkit/nats-server';
import { Command } from 'commander';
import { integer, log, oneOf } from '../command-line.js';
import { BridgeGround, type BridgeReport, type BridgeRound } from './ground.js';
import { type BridgeVictim, isVictim, victims } from './plan.js';

interface Options {
  readonly rounds: number;
  readonly seed?: number;
  readonly first: number;
  readonly victim?: BridgeVictim[];
  readonly json?: true;
}

/** `pnpm test:faults bridge`. */
export const bridge: Command = new Command('bridge')
  .description(
    'Kills the NATS server, the bridge, or a receiver elsewhere, at random, while messages go from a local sender to receivers that wait.',
  )
  .option('--rounds <n>', 'how many kills', integer, 40)
  .option('--seed <n>', 'what all plans depend on; without it a new one, which is printed', integer)
  .option('--first <n>', 'the number of the first round', integer, 0)
  .option('--victim <name>', `one of ${victims.join(', ')} (repeatable)`, oneOf(isVictim))
  .option('--json', 'print what came of each round as JSON instead of a table')
  .action(run);

async function run(options: Options): Promise<void> {
  const { seed = Math.floor(Math.random() * 2 ** 31), rounds, first, json } = options;
  const among = options.victim ?? victims;
  if (!hasNatsServer) throw new Error('there is no nats-server: install it (Debian: nats-server)');
  log(`seed ${seed}: ${rounds} kills`);
  const report = await play(seed, first, rounds, among);
  for (const fault of report.faults) log(`in the end: ${fault}`);
  if (json) console.log(JSON.stringify({ seed, ...report }));
  else console.log(tableOf(report, process.stdout.isTTY));
  const { messagesSent, messagesReceived, messagesOfKilled } = report;
  log(
    `${messagesSent} messages sent, ${messagesReceived} received by the one that stayed, ` +
      `${messagesOfKilled} by those that were killed`,
  );
  const faults = faultsOf(report.rounds) + report.faults.length;
  log(`seed ${seed}: ${faults === 0 ? 'no fault' : `${faults} faults`}`);
  if (faults > 0) process.exitCode = 1;
}

async function play(
  seed: number,
  first: number,
  count: number,
  among: readonly BridgeVictim[],
): Promise<BridgeReport> {
  const ground = await BridgeGround.create(seed, among);
  try {
    const rounds: BridgeRound[] = [];
    for (let round = first; round < first + count; round++) {
      const played = await ground.play(round);
      rounds.push(played);
      if (played.faults.length > 0) log(`round ${round}: ${JSON.stringify(played.plan)}`);
      for (const fault of played.faults) log(`  ${fault}`);
      if (rounds.length % 20 === 0 || rounds.length === count) log(`${rounds.length} of ${count}`);
      // What is broken stays so.
      if (played.faults.length > 0) break;
    }
    return await ground.end(rounds);
  } finally {
    await ground.remove();
  }
}

function faultsOf(rounds: readonly BridgeRound[]): number {
  return rounds.reduce((sum, { faults }) => sum + faults.length, 0);
}

const HEAD = ['killed', 'kills', 'goes on after p50 (ms)', 'p99', 'longest', 'faults'];

function tableOf({ rounds }: BridgeReport, colors: boolean): string {
  const rows = victims.map((victim) => {
    const own = rounds.filter(({ plan }) => plan.victim === victim);
    const times = own.map(({ resumed }) => resumed).sort((a, b) => a - b);
    const at = (share: number) => times[Math.ceil(share * times.length) - 1]?.toFixed(0) ?? '-';
    return [victim, own.length, at(0.5), at(0.99), at(1), faultsOf(own)].map(String);
  });
  return renderTable(HEAD, rows, { figuresFrom: 1, colors });
}
