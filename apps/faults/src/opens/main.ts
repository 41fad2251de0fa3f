#!/usr/bin/env node
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '@pageferry/measuring/command';
import { renderTable } from '@pageferry/measuring/tables';
import { Command } from 'commander';
import { type BackendName, backendNames, loadBackend } from '../backends.js';
import { integer, oneOf } from '../command-line.js';
import { isBackend } from '../killing/run-stages.js';
import { collectGarbage, leftoversSince, possessions } from '../leftovers.js';
import { pause } from '../until.js';
import { openAndClose } from './open-and-close.js';

interface Options {
  readonly rounds: number;
  readonly backend?: BackendName[];
}

/** So many rounds before the first look: libraries, and code that is compiled, stay. */
const WARM_UP = 100;
/** By how much resident memory may differ between the middle and the end, in bytes. */
const SLACK = 24 * 1024 * 1024;
/** What AddressSanitizer keeps for itself grows with the threads that there were. It looks for leaks itself, in the end. */
const isSanitized = process.env['ASAN_OPTIONS'] !== undefined;

const program = new Command('test:opens')
  .description('Opens and closes everything over and over, and looks whether anything is left.')
  .option('--rounds <n>', 'how often, over each backend', integer, 10_000)
  .option('--backend <name>', `one of ${backendNames.join(', ')} (repeatable)`, oneOf(isBackend))
  .action(run);

await runCommand(program);

async function run({ rounds, backend: given = backendNames }: Options): Promise<void> {
  process.on('warning', () => undefined); // That a thread was ended is no news here.
  const rows: string[][] = [];
  let faults = 0;
  for (const name of given) {
    const result = await openOften(name, rounds);
    if (result.fault !== undefined) faults++;
    const { middle, end } = result;
    const memory = [middle, end].map((bytes) => Math.round(bytes / 1024 / 1024)).join(' → ');
    rows.push([name, String(rounds), memory, result.fault ?? 'nothing']);
  }
  const head = ['backend', 'rounds', 'RSS, middle → end (MiB)', 'is left'];
  console.log(renderTable(head, rows, { figuresFrom: 1, colors: process.stdout.isTTY }));
  if (faults > 0) process.exitCode = 1;
}

/** What came of a backend. */
interface Result {
  readonly middle: number;
  readonly end: number;
  readonly fault: string | undefined;
}

async function openOften(name: BackendName, rounds: number): Promise<Result> {
  const backend = await loadBackend(name);
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-opens-'));
  try {
    for (let round = 0; round < WARM_UP; round++) await openAndClose(backend, name, folder, round);
    await pause(100); // Watchers give back in later turns of the event loop.
    collectGarbage();
    const before = possessions(folder);
    let middle = 0;
    for (let round = 0; round < rounds; round++) {
      await openAndClose(backend, name, folder, round);
      if (round === Math.floor(rounds / 2)) middle = residentMemory();
      if (round % 500 === 499) process.stderr.write(`${name}: ${round + 1} of ${rounds}\n`);
    }
    const left = await leftoversSince(before, folder);
    const end = residentMemory();
    const isMore = !isSanitized && end > middle + SLACK;
    const growth = isMore ? `resident memory grows by ${end - middle} bytes` : undefined;
    return { middle, end, fault: left ?? growth };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function residentMemory(): number {
  collectGarbage();
  return process.memoryUsage.rss();
}
