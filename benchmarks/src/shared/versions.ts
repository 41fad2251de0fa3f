import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ratios, type Series, type Spread, spread } from '@pageferry/measuring/statistics';
import {
  CHANNELS,
  LIMIT,
  ONE_BY_ONE,
  PARKED,
  PROTOCOL,
  PROTOCOL_ONE_BY_ONE,
  type Question,
  SPINNING,
  sizeName,
  TRANSPORT,
  WAYS,
} from './measurements.js';

const PROGRAM = fileURLToPath(new URL('../main.js', import.meta.url));
const SMALL = 64;
const LARGE = sizeName(2 ** 20);
const run = promisify(execFile);

/** Two subjects of the same task. */
interface Comparison {
  readonly what: string;
  readonly question: Question;
  readonly task: string;
  readonly above: string;
  readonly below: string;
}

const POLLED = { question: 'round trip', task: SPINNING, below: LIMIT } as const;
const COPIED = { question: 'copy', task: LARGE, below: WAYS.try } as const;

/** What is measured with each version of Node, and beside what in the same round. */
const COMPARISONS: readonly Comparison[] = [
  {
    what: 'hand-off of 64 B, to C',
    question: 'hand-off',
    task: sizeName(SMALL),
    above: WAYS.try,
    below: LIMIT,
  },
  {
    what: 'the same, to C in the same protocol',
    question: 'hand-off',
    task: sizeName(SMALL),
    above: WAYS.try,
    below: PROTOCOL,
  },
  { what: 'round trip, both polling, to C', ...POLLED, above: TRANSPORT },
  { what: 'to C in the same protocol', ...POLLED, above: TRANSPORT, below: PROTOCOL },
  { what: 'one thing after the other, to C', ...POLLED, above: ONE_BY_ONE },
  {
    what: 'to C in the same protocol, likewise',
    ...POLLED,
    above: ONE_BY_ONE,
    below: PROTOCOL_ONE_BY_ONE,
  },
  { what: 'round trip, both asleep, to C', ...POLLED, task: PARKED, above: TRANSPORT },
  ...Object.values(CHANNELS).map((channel) => ({
    what: `1 MiB copied and read: ${channel} to shared memory`,
    ...COPIED,
    above: channel,
  })),
];

/** One line of the table: a ratio for each version of Node. */
export interface VersionRow {
  readonly what: string;
  /** By the version, in the order in which they were given; `undefined` where something is missing. */
  readonly ratios: readonly (Spread | undefined)[];
}

/** What came of {@link measureVersions}. */
export interface VersionTable {
  /** As `node --version` has them. */
  readonly versions: readonly string[];
  readonly rows: readonly VersionRow[];
}

interface Measured {
  readonly question: string;
  readonly task: string;
  readonly subject: string;
  readonly nanoseconds: readonly number[];
}

/**
 * Runs part of the benchmark with several versions of Node, one after the other in each round, so that a slow
 * spell of the machine hits all alike.
 *
 * @param nodes paths of their programs.
 */
export async function measureVersions(
  nodes: readonly string[],
  rounds: number,
  count: number,
  log: (line: string) => void,
): Promise<VersionTable> {
  const all: Measured[][] = nodes.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, node] of nodes.entries()) {
      log(`round ${round + 1} of ${rounds}: ${node}`);
      all[index]?.push(...(await measureOnce(node, count)));
    }
  }
  const versions = await Promise.all(nodes.map(versionOf));
  const rows = COMPARISONS.map(({ what, question, task, above, below }) => {
    const seriesOf = (index: number, subject: string): Series =>
      (all[index] ?? [])
        .filter((each) => each.question === question && each.task === task)
        .filter((each) => each.subject === subject)
        .map(({ nanoseconds }) => nanoseconds[0]);
    const found = nodes.map((_, index) => ratios(seriesOf(index, above), seriesOf(index, below)));
    return { what, ratios: found.map((each) => (each.length === 0 ? undefined : spread(each))) };
  });
  return { versions, rows };
}

async function measureOnce(node: string, count: number): Promise<readonly Measured[]> {
  const asked: readonly Question[] = ['hand-off', 'round trip', 'copy'];
  const words = ['--rounds', '1', '--count', `${count}`, '--size', `${SMALL}`, '--json'];
  const only = asked.flatMap((question) => ['--only', question]);
  const { stdout } = await run(node, [PROGRAM, 'shared', ...words, ...only], {
    maxBuffer: 2 ** 24,
  });
  return (JSON.parse(stdout) as { measured: readonly Measured[] }).measured;
}

async function versionOf(node: string): Promise<string> {
  return (await run(node, ['--version'])).stdout.trim();
}
