import type { ChildProcess, SpawnOptions } from 'node:child_process';
import type { PipeReader, PipeReaderOptions } from './pipe-reader.js';
import type { PipeDescriptor, PipeWriter } from './pipe-writer.js';

/**
 * What a standard stream of a program is: a pipe that this process holds the other end of; this
 * process's own stream; nothing (`/dev/null`); or a descriptor, which the program gets a duplicate of.
 */
export type ProgramStream = 'pipe' | 'inherit' | 'ignore' | PipeDescriptor;

/** Options of {@link SpawnPiped}. Those of `child_process.spawn` mean what they mean there. */
export interface SpawnPipedOptions<
  In extends ProgramStream = ProgramStream,
  Out extends ProgramStream = ProgramStream,
  Err extends ProgramStream = ProgramStream,
> extends Pick<SpawnOptions, 'cwd' | 'env' | 'argv0' | 'uid' | 'gid' | 'shell' | 'detached'>,
    Pick<PipeReaderOptions, 'maxBorrowedBytes' | 'spinMicroseconds'> {
  /** What the program reads. Default: `pipe`. */
  readonly stdin?: In | undefined;
  /** Where the program writes. Default: `pipe`. */
  readonly stdout?: Out | undefined;
  /** Where the program complains. Default: `inherit`. */
  readonly stderr?: Err | undefined;
  /** As `PipeWriterOptions.poolBytes`, for the program's input. Default: 64 MiB. */
  readonly poolBytes?: number | undefined;
  /**
   * When it fires, the program is ended with `killSignal`, and what waits at its pipes rejects with
   * `ABORTED`; so does every later call there.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * What ends the program when `signal` fires, or with `killOnClose`. Default: `SIGTERM`, which a program
   * may ignore.
   */
  readonly killSignal?: NodeJS.Signals | undefined;
  /**
   * Whether `close`, and so a disposal, ends a program that still runs, and waits until it is gone.
   * Default: false. The program then sees the end of its input, and SIGPIPE when it writes on.
   */
  readonly killOnClose?: boolean | undefined;
}

/** How a program has ended, as `child_process` tells it: one of the two is `null`. */
export interface ProgramExit {
  /** Its exit status; `null` if a signal has ended it. */
  readonly code: number | null;
  /** The signal that has ended it; `null` if it has ended itself. */
  readonly signal: NodeJS.Signals | null;
}

/** A running program, and the ends of its pipes. Disposable with `await using`. */
export interface PipedProgram<
  In extends ProgramStream = ProgramStream,
  Out extends ProgramStream = ProgramStream,
  Err extends ProgramStream = ProgramStream,
> extends AsyncDisposable {
  /**
   * The process, for its `pid`, `kill` and events. Its `stdin`, `stdout` and `stderr` are `null`: the pipes
   * are here. An `error` event (a `kill` that is not permitted) ends nobody who does not listen.
   */
  readonly child: ChildProcess;
  /** Writes what the program reads; `undefined` if that is no pipe. */
  readonly stdin: In extends 'pipe' ? PipeWriter : undefined;
  /** Reads what the program writes; `undefined` if that is no pipe. */
  readonly stdout: Out extends 'pipe' ? PipeReader : undefined;
  /** Reads what the program complains of; `undefined` if that is no pipe. */
  readonly stderr: Err extends 'pipe' ? PipeReader : undefined;
  /** Resolves when the program has ended, however it did. Never rejects. */
  readonly exited: Promise<ProgramExit>;
  /**
   * Closes the pipes: what was accepted for the program and is not in its pipe never will be
   * (`stdin.close()` lets it go in), and what it has written and nobody has read is lost. With
   * `killOnClose` it ends the program too, and waits until it is gone. Calling it again is harmless.
   */
  close(): Promise<void>;
  /** Has the program and its pipes keep this process alive, as they do unless told otherwise. */
  ref(): this;
  /** Lets this process end although the program runs; also while calls at its pipes wait. */
  unref(): this;
}

/**
 * Starts a program with pipes that memory pages can go through: makes them as large as the kernel allows,
 * gives the program its ends, closes those in this process, and hands over the others. No shell is
 * involved unless `shell` asks for it.
 *
 * Read while you write: a program that nobody reads from stops reading when its pipe is full.
 *
 * @param command a path, or a name to be looked up in `PATH`.
 * @throws `INVALID_ARGUMENT`; `ABORTED`; `SYSTEM_CALL_FAILED`, with the `errnoName` of what keeps the
 *   program from being started (`ENOENT`, `EACCES`, …) and nothing left open; `BINDING_UNAVAILABLE`.
 * @example
 * const program = await spawnPiped('sha256sum');
 * await program.stdin.write(bytes);
 * await program.stdin.close();
 * for await (using chunk of program.stdout) process.stdout.write(chunk.copy());
 * console.log(await program.exited); // { code: 0, signal: null }
 */
export type SpawnPiped = <
  In extends ProgramStream = 'pipe',
  Out extends ProgramStream = 'pipe',
  Err extends ProgramStream = 'inherit',
>(
  command: string,
  args?: readonly string[],
  options?: SpawnPipedOptions<In, Out, Err>,
) => Promise<PipedProgram<In, Out, Err>>;
