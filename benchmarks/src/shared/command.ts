import { thisMachine } from '@pageferry/measuring/machine';
import { buildProgram } from '@pageferry/measuring/programs';
import { Command } from 'commander';
import { choiceOf, collectNumbers, collectWords, positiveInteger } from '../options.js';
import { loadTransport } from '../peers/workload-peer.js';
import { MANY_UNDER_WAY, measurementsFor, type Question, questions } from './measurements.js';
import { printEndurance, printShared, printSteps, printVersions } from './report.js';
import { measureRows } from './rounds.js';
import { measureSteps, type Step } from './steps.js';
import { runSampled } from './trials.js';
import { measureVersions } from './versions.js';

const DEFAULT_TRANSPORT = '@pageferry/shared-mmap#sharedMmap';
const DEFAULT_SIZES = [64, 4 * 1024, 1024 * 1024, 16 * 1024 * 1024];

interface Options {
  readonly rounds: number;
  readonly count: number;
  readonly size?: number[];
  readonly only?: Question[];
  readonly transport: string;
  readonly endurance?: number;
  readonly node?: string[];
  readonly steps?: true;
  readonly json?: true;
}

/** `pnpm bench shared`: what a message through shared memory costs, beside the same work in C. */
export function sharedCommand(log: (line: string) => void): Command {
  return new Command('shared')
    .description('What a message through shared memory costs, beside the same work in C.')
    .option('--rounds <n>', 'rounds; everything is measured once in each', positiveInteger, 5)
    .option('--count <n>', 'messages in a trial of hand-offs', positiveInteger, 2_000_000)
    .option('--size <bytes>', 'message size of the hand-offs (repeatable)', collectNumbers)
    .option('--only <question>', `${questions.join(', ')} (repeatable)`, choiceOf(questions))
    .option('--transport <module#export>', 'the transport under test', DEFAULT_TRANSPORT)
    .option(
      '--endurance <n>',
      'send that many messages instead, and look for growth',
      positiveInteger,
    )
    .option('--steps', 'time each step of a message in one process instead')
    .option('--node <program>', 'compare versions of Node instead (repeatable)', collectWords)
    .option('--json', 'print one JSON object instead of tables')
    .action((options: Options) => {
      if (options.node !== undefined) return compareVersions(options, options.node, log);
      if (options.steps) return timeSteps(options);
      return options.endurance === undefined
        ? measure(options, log)
        : endure(options, options.endurance);
    });
}

/** The transports over whichever binding whose protocol the client in C speaks. */
const CLIENT_SPEAKS = '@pageferry/shared-mmap';

async function measure(options: Options, log: (line: string) => void): Promise<void> {
  const { transport, count, rounds, size: sizes = DEFAULT_SIZES, only = questions } = options;
  const inC = (await buildProgram('shm_limit')) !== undefined;
  const { maxChannels } = (await loadTransport(transport)).capabilities;
  const hasChannels = maxChannels > 0;
  const protocolInC =
    transport.startsWith(CLIENT_SPEAKS) && (await buildProgram('protocol_limit')) !== undefined;
  const all = measurementsFor({ transport, inC, protocolInC, hasChannels, sizes, count });
  const rows = await measureRows(
    all.filter(({ question }) => only.includes(question)),
    rounds,
    log,
  );
  printShared({ machine: thisMachine(), transport, maxChannels, rows }, options.json === true);
}

async function timeSteps({ transport, size = DEFAULT_SIZES, json }: Options): Promise<void> {
  const sizes: { readonly messageBytes: number; readonly steps: readonly Step[] }[] = [];
  for (const messageBytes of size) {
    sizes.push({ messageBytes, steps: await measureSteps(transport, messageBytes) });
  }
  printSteps(thisMachine(), sizes, json === true);
}

async function compareVersions(
  { rounds, count, json }: Options,
  nodes: readonly string[],
  log: (line: string) => void,
): Promise<void> {
  await buildProgram('shm_limit');
  const table = await measureVersions(nodes, rounds, count, log);
  printVersions(thisMachine(), table, json === true);
}

async function endure({ transport, json }: Options, count: number): Promise<void> {
  const { sender, receiver } = await runSampled({
    transport,
    count,
    // V8 is done with compiling, and the pool is as large as it gets.
    warmUp: Math.ceil(count / 20),
    messageBytes: 64,
    receivers: 1,
    slots: MANY_UNDER_WAY,
    way: 'try',
    copy: false,
    samples: true,
  });
  printEndurance(count, { sender, receiver }, json === true);
}
