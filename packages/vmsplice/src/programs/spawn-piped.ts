import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import {
  abortedError,
  dispose,
  lackedPermission,
  nodeCallFailed,
  PageferryError,
  type PipedProgram,
  type SpawnPiped,
  type SpawnPipedOptions,
} from '@pageferry/core';
import { type LinuxCalls, Scope, systemCallError } from '@pageferry/linux';
import { openBlockingPipe } from './blocking-pipe.js';
import { checkReaderOptions, checkWriterOptions } from './options.js';
import { ReadingEnd } from './reading-end.js';
import { RunningProgram } from './running-program.js';
import { checkSpawnOptions, type SpawnSettings, STREAMS } from './spawn-options.js';
import { WritingEnd } from './writing-end.js';

/** {@link SpawnPiped} over a binding. `load` is called at each use. */
export function createSpawnPiped(load: () => LinuxCalls): SpawnPiped {
  const spawnPiped = async (
    command: string,
    args: readonly string[] = [],
    options?: SpawnPipedOptions,
  ): Promise<PipedProgram> => start(load(), checkSpawnOptions(command, args, options));
  // What each stream is follows from the options: see RunningProgram.
  return spawnPiped as SpawnPiped;
}

async function start(calls: LinuxCalls, settings: SpawnSettings): Promise<PipedProgram> {
  const { signal } = settings;
  if (signal?.aborted) throw abortedError(signal.reason);
  const childs = new Scope();
  const ends: (WritingEnd | ReadingEnd | undefined)[] = [];
  try {
    let child: ChildProcess;
    try {
      const stdio = settings.streams.map((stream, index) => {
        if (stream !== 'pipe') return stream;
        const { end, childsFd } = openEnd(calls, settings, STREAMS[index] === 'stdin', childs);
        ends[index] = end;
        return childsFd;
      });
      child = spawn(settings.command, settings.args, { ...settings.spawn, stdio });
    } finally {
      // The program has its own. Ours would keep it from seeing the end, and us from seeing its end.
      childs[dispose]();
    }
    const program = new RunningProgram(child, ends, settings);
    await program.started;
    if (signal?.aborted) {
      await program.close();
      throw abortedError(signal.reason);
    }
    return program;
  } catch (cause) {
    const closed = new PageferryError('CLOSED', 'the program could not be started');
    for (const end of ends) await end?.end(closed);
    throw couldNotStart(cause, settings);
  }
}

/** Makes a pipe. The end that is the program's belongs to `childs`. */
function openEnd(calls: LinuxCalls, settings: SpawnSettings, isInput: boolean, childs: Scope) {
  const { readEnd, writeEnd } = openBlockingPipe(calls);
  const [ours, theirs] = isInput ? [writeEnd, readEnd] : [readEnd, writeEnd];
  childs.own(theirs);
  try {
    const end = isInput
      ? new WritingEnd(calls, checkWriterOptions(calls, { ...settings.writer, pipe: ours }))
      : new ReadingEnd(calls, checkReaderOptions(calls, { ...settings.reader, pipe: ours }));
    return { end, childsFd: theirs.fd };
  } finally {
    ours.close(); // The end works on a duplicate.
  }
}

/** What Node has said of a program that did not start, as a typed error. Others pass as they are. */
function couldNotStart(cause: unknown, { command, spawn: { cwd } }: SpawnSettings): unknown {
  if (cause instanceof PageferryError) return cause;
  if (lackedPermission(cause) !== undefined) return nodeCallFailed(cause);
  const { errno, code = '', message } = cause as NodeJS.ErrnoException;
  if (code.startsWith('ERR_') || cause instanceof TypeError) {
    return new PageferryError('INVALID_ARGUMENT', message, { cause, argument: 'options' });
  }
  if (errno === undefined) return cause;
  return systemCallError('spawn', errno, whyNot(code, command, cwd));
}

function whyNot(code: string, command: string, cwd: string | URL | undefined): string {
  if (code !== 'ENOENT') return command;
  // Node says the same of a program and of a folder.
  if (cwd !== undefined && !existsSync(cwd)) return `${command} in ${cwd}: there is no such folder`;
  if (!command.includes('/')) return `${command}: no folder of PATH has a program of that name`;
  return existsSync(command)
    ? `${command}: the interpreter that it names is not there`
    : `${command}: there is no such file`;
}
