/**
 * The demo's command line.
 *
 * - `demo` brings a file from one process to another through every backend: see `run.ts`.
 * - `demo send` and `demo receive` are those two processes: see `send.ts` and `receive.ts`.
 * - `demo ask` and `demo ask --listen` are two that talk: see `ask.ts` and `answer.ts`.
 */
import { Command, CommanderError, Option } from 'commander';
import { answer } from './answer.js';
import { ask } from './ask.js';
import { runAndReport } from './demo.js';
import {
  acrossOption,
  backendOption,
  backendsOption,
  complaintOf,
  echoOption,
  endpointOption,
  listenOption,
  meetingOf,
  messageBytesOption,
  onceOption,
  outOption,
  roundsOption,
  serversOption,
  timeoutOption,
  timesOption,
} from './options.js';
import { perform, performSide } from './perform.js';
import { receive } from './receive.js';
import { send } from './send.js';
import { watchStdout } from './stdout.js';
import { tellAnswered, tellAsked, tellReceived, tellSent } from './summary.js';

const program = new Command('demo')
  .description('Bring a file from one process to another, through every backend, and check it.')
  .option('--file <path>', 'the file to send', process.execPath)
  .addOption(backendsOption())
  .addOption(
    acrossOption('instead: between two hosts, which are made for it where that is possible'),
  )
  .addOption(serversOption('where they are (default: one is started, which has to be installed)'))
  .addOption(messageBytesOption())
  .addOption(roundsOption())
  .option('--json', 'print one JSON object instead of a table')
  .enablePositionalOptions() // In `demo send --backend`, the option belongs to `send`.
  .exitOverride()
  .showHelpAfterError('(see --help)')
  .configureHelp({ minWidthToWrap: 12 }) // Whole words on a narrow terminal, too.
  .allowExcessArguments() // Which are misspelt commands.
  .action((options, command: Command) => {
    const [word] = command.args;
    if (word !== undefined) command.error(unknownCommand(word));
    complain(command, options);
    return perform('demo', (signal) => runAndReport(options, signal));
  })
  .hook('preSubcommand', (demo, sub) => {
    const given = demo.options.find(
      (option) => demo.getOptionValueSource(option.attributeName()) === 'cli',
    );
    if (given === undefined) return;
    const name = sub.name();
    demo.error(
      `error: ${given.long} does nothing before ${name}: options of ${name} come behind it`,
    );
  });

program
  .command('send')
  .allowExcessArguments(false)
  .description('Send a file to one receiver. Either side may start first.')
  .argument('<file>', 'the file to send, or - for stdin')
  .addOption(backendOption())
  .addOption(acrossOption())
  .addOption(serversOption())
  .addOption(endpointOption())
  .addOption(messageBytesOption())
  .addOption(timeoutOption())
  .action((file, options, command: Command) => {
    complain(command, options);
    const given = { file, ...meetingOf(options) };
    return performSide('send', (...context) => send(given, ...context), tellSent);
  });

program
  .command('receive')
  .allowExcessArguments(false)
  .description('Receive a file from a sender. Either side may start first.')
  .usage('(--out <destination> | --sha256) [options]')
  .addOption(outOption())
  .addOption(new Option('--sha256', 'look at the bytes, and print their digest').conflicts('out'))
  .addOption(backendOption())
  .addOption(acrossOption())
  .addOption(serversOption())
  .addOption(endpointOption())
  .addOption(timeoutOption())
  .action((options, command: Command) => {
    if (!options.out && !options.sha256) command.error('error: give --out or --sha256');
    complain(command, options);
    const given = meetingOf(options);
    return performSide('receive', (...context) => receive(given, ...context), tellReceived);
  });

program
  .command('ask')
  .allowExcessArguments(false)
  .description(
    'Ask each line of stdin, and print the answers; with --listen, give them. Either side may start first.',
  )
  .addOption(listenOption())
  .addOption(echoOption())
  .addOption(onceOption())
  .addOption(timesOption())
  .addOption(backendOption())
  .addOption(acrossOption())
  .addOption(serversOption())
  .addOption(endpointOption())
  .addOption(timeoutOption())
  .action((options, command: Command) => {
    complain(command, options);
    const given = meetingOf(options);
    if (options.listen) {
      return performSide('ask', (...context) => answer(given, ...context), tellAnswered);
    }
    for (const name of ['echo', 'once']) {
      if (options[name]) command.error(`error: --${name} does nothing without --listen`);
    }
    return performSide('ask', (...context) => ask(given, ...context), tellAsked);
  });

/** Ends the command if its options make no sense together. */
function complain(command: Command, options: Parameters<typeof complaintOf>[0]): void {
  const complaint = complaintOf(options);
  if (complaint !== undefined) command.error(complaint);
}

/** What to say of a word that is no command; with a suggestion, where it begins like one. */
function unknownCommand(word: string): string {
  const meant = program.commands.find((command) => command.name()[0] === word[0]);
  const suggestion = meant === undefined ? '' : `\n(Did you mean ${meant.name()}?)`;
  return `error: unknown command '${word}'${suggestion}`;
}

watchStdout('demo');
try {
  // `pnpm demo -- --json` is `pnpm demo --json`, as with npm.
  const args = process.argv.slice(process.argv[2] === '--' ? 3 : 2);
  await program.parseAsync(args, { from: 'user' });
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2; // It has said what is wrong, or helped.
}
