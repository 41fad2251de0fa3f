import { thisMachine } from '@pageferry/measuring/machine';
import { Command } from 'commander';
import { choiceOf, positiveInteger } from '../options.js';
import { groups, type Measured } from './groups.js';
import { printMessages } from './report.js';

interface Options {
  readonly rounds: number;
  readonly trips: number;
  readonly only?: string[];
  readonly json?: true;
}

const aims: ReadonlyMap<string, number | undefined> = new Map(
  groups.flatMap((group) => [...group.aims]),
);
const questions = [...aims.keys()];

/** `pnpm bench messages`: values, pools and streams beside Node's own ways, each in the same run. */
export function messagesCommand(log: (line: string) => void): Command {
  return new Command('messages')
    .description("Values, pools and streams beside Node's own ways, round by round.")
    .option('--rounds <n>', 'rounds; everything is measured once in each', positiveInteger, 5)
    .option('--trips <n>', 'trips of 40 MB there and back in a trial', positiveInteger, 20)
    .option('--only <question>', `${questions.join(', ')} (repeatable)`, choiceOf(questions))
    .option('--json', 'print one JSON object instead of a table')
    .action(async ({ rounds, trips, only = questions, json }: Options) => {
      const measured: Measured[] = [];
      for (const group of groups) {
        if (![...group.aims.keys()].some((question) => only.includes(question))) continue;
        measured.push(...(await group.measure(rounds, { asked: only, trips, log })));
      }
      const asked = measured.filter(({ question }) => only.includes(question));
      printMessages(thisMachine(), asked, aims, json === true);
    });
}
