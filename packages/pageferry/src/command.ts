#!/usr/bin/env node
/**
 * `pageferry COMMAND`: the commands of Pageferry under one name. Each is loaded when it is asked for, and reads its
 * options itself.
 */
const HELP = `Usage: pageferry <command> [options]

Commands:
  doctor [options]  find out what works on this machine, and what really copies

  pageferry <command> --help tells more.
`;

const [, , command] = process.argv;
switch (command) {
  case 'doctor':
    process.argv.splice(2, 1);
    await import('@pageferry/doctor/command');
    break;
  case undefined:
  case 'help':
  case '--help':
  case '-h':
    process.stdout.write(HELP);
    break;
  default:
    process.stderr.write(`pageferry: there is no command ${JSON.stringify(command)}\n\n${HELP}`);
    process.exitCode = 2;
}
