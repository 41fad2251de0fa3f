import type { SpawnOptions } from 'node:child_process';
import { constants } from 'node:os';
import {
  checkDescriptor,
  checkOptions,
  type DescriptorAdvice,
  invalidArgument,
  isAbortSignal,
  type ProgramStream,
  type SpawnPipedOptions,
} from '@pageferry/core';

/** The standard streams, in the order of their descriptors. */
export const STREAMS = ['stdin', 'stdout', 'stderr'] as const;

/** Options of `spawnPiped`, with every default filled in. */
export interface SpawnSettings {
  readonly command: string;
  readonly args: readonly string[];
  /** What is passed on to `child_process.spawn`. */
  readonly spawn: SpawnOptions;
  /** What each of {@link STREAMS} is. */
  readonly streams: readonly ('pipe' | 'inherit' | 'ignore' | number)[];
  readonly writer: Pick<SpawnPipedOptions, 'poolBytes' | 'spinMicroseconds'>;
  readonly reader: Pick<SpawnPipedOptions, 'maxBorrowedBytes' | 'spinMicroseconds'>;
  readonly signal: AbortSignal | undefined;
  readonly killSignal: NodeJS.Signals;
  readonly killOnClose: boolean;
}

const OF_NODE = ['cwd', 'env', 'argv0', 'uid', 'gid', 'shell', 'detached'] as const;
const OWN = ['poolBytes', 'maxBorrowedBytes', 'spinMicroseconds', 'signal', 'killSignal'] as const;
const KNOWN = [...STREAMS, ...OF_NODE, ...OWN, 'killOnClose'] as const;

const DEFAULTS = { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' } as const;

/** @throws `INVALID_ARGUMENT`. What is the pipes' or Node's own is checked by them. */
export function checkSpawnOptions(
  command: unknown,
  args: unknown,
  options: SpawnPipedOptions | undefined,
): SpawnSettings {
  if (typeof command !== 'string' || command === '') {
    throw invalidArgument('command', command, 'the name of a program, or a path');
  }
  // `every` leaves holes out.
  if (!Array.isArray(args) || !Array.from(args).every((word) => typeof word === 'string')) {
    throw invalidArgument('args', args, 'an array of strings');
  }
  const given = checkOptions(options, KNOWN);
  const { poolBytes, maxBorrowedBytes, spinMicroseconds, signal, killOnClose = false } = given;
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw invalidArgument('signal', signal, 'an AbortSignal');
  }
  if (typeof killOnClose !== 'boolean') {
    throw invalidArgument('killOnClose', killOnClose, 'true or false');
  }
  const { killSignal = 'SIGTERM' } = given;
  if (!Object.hasOwn(constants.signals, killSignal)) {
    throw invalidArgument('killSignal', killSignal, "the name of a signal, such as 'SIGTERM'");
  }
  return {
    command,
    args,
    spawn: Object.fromEntries(OF_NODE.map((name) => [name, given[name]])),
    streams: STREAMS.map((name) => checkStream(name, given[name] ?? DEFAULTS[name])),
    writer: { poolBytes, spinMicroseconds },
    reader: { maxBorrowedBytes, spinMicroseconds },
    signal,
    killSignal,
    killOnClose,
  };
}

function checkStream(
  name: (typeof STREAMS)[number],
  stream: ProgramStream,
): SpawnSettings['streams'][number] {
  if (stream === 'pipe' || stream === 'inherit' || stream === 'ignore') return stream;
  if (typeof stream === 'string') {
    throw invalidArgument(name, stream, "'pipe', 'inherit', 'ignore' or a descriptor");
  }
  const advice: DescriptorAdvice = {
    end: name === 'stdin' ? 'readEnd' : 'writeEnd',
    instead: "pass a FileHandle, or 'pipe' and move the bytes yourself",
  };
  return checkDescriptor(name, stream, advice);
}
