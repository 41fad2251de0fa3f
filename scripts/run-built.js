// Runs a program of the workspace once it is built: `node scripts/run-built.js PACKAGE FILE [its arguments]`. What is
// printed is the program's own; of the build only what has failed is.
import { resolve } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { buildQuietly } from './build-quietly.js';

const [, , name, file = ''] = process.argv;
if (await buildQuietly(`${name}...`)) {
  const program = resolve(file);
  process.argv.splice(1, 3, program);
  await import(pathToFileURL(program).href);
} else {
  process.exitCode = 1;
}
