#!/usr/bin/env node
/** `pageferry COMMAND`: the commands of Pageferry under one name. */
import { runCommandLine } from './run.js';

await runCommandLine(process.argv.slice(2));
