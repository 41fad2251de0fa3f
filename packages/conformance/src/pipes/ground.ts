import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  PipedProgram,
  PipeReader,
  PipeReaderOptions,
  PipeWriter,
  PipeWriterOptions,
  ProgramStream,
  SpawnPipedOptions,
} from '@pageferry/core';
import type { Pipe } from '@pageferry/linux';
import { afterAll, afterEach, beforeEach, expect } from 'vitest';
import { openDescriptors } from '../linux-calls/support/process-state.js';
import { turns } from '../transport/harness/settling.js';
import type { PipeProgramsRegistration } from './registration.js';

export const KIB = 1024;
export const MIB = 1024 * KIB;

/** Ends a wait that would last for ever, where the test is about something else. */
export const LIMIT = { timeout: 20_000 };

/** What a test stands on: it ends all that the test has started, and looks for what is left open. */
export class Ground {
  readonly #subject: PipeProgramsRegistration;
  readonly #cleanups: (() => unknown)[] = [];
  #folder: string | undefined;
  #names = 0;

  constructor(subject: PipeProgramsRegistration) {
    this.#subject = subject;
  }

  /** Has `cleanup` called after the test; the last one first. */
  defer(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup);
  }

  /** A path at which nothing exists yet. */
  path(): string {
    this.#folder ??= mkdtempSync(join(tmpdir(), 'pageferry-pipes-'));
    return join(this.#folder, String(this.#names++));
  }

  /** Starts a program, which is killed after the test if it still runs. */
  async spawn<
    In extends ProgramStream = 'pipe',
    Out extends ProgramStream = 'pipe',
    Err extends ProgramStream = 'inherit',
  >(
    command: string,
    args: readonly string[] = [],
    options: SpawnPipedOptions<In, Out, Err> = {},
  ): Promise<PipedProgram<In, Out, Err>> {
    const program = await this.#subject.spawnPiped(command, args, options);
    this.defer(async () => {
      program.child.kill('SIGKILL');
      await program.close();
      await program.exited;
    });
    return program;
  }

  pipe(): Pipe {
    const pipe = this.#subject.openPipe();
    this.defer(() => {
      pipe.readEnd.close();
      pipe.writeEnd.close();
    });
    return pipe;
  }

  async writer(options: PipeWriterOptions): Promise<PipeWriter> {
    const writer = await this.#subject.openPipeWriter(options);
    this.defer(() => writer.destroy());
    return writer;
  }

  async reader(options: PipeReaderOptions): Promise<PipeReader> {
    const reader = await this.#subject.openPipeReader(options);
    this.defer(() => reader.close());
    return reader;
  }

  async file(path: string, flags: string | number): Promise<FileHandle> {
    const file = await open(path, flags, 0o600);
    this.defer(() => file.close());
    return file;
  }

  async clear(): Promise<void> {
    for (let cleanup = this.#cleanups.pop(); cleanup; cleanup = this.#cleanups.pop()) {
      await cleanup();
    }
  }

  removeFolder(): void {
    if (this.#folder) rmSync(this.#folder, { recursive: true });
  }
}

/** Ground for the tests of the `describe` block around the call, none of which may leave a descriptor. */
export function useGround(subject: PipeProgramsRegistration): Ground {
  const ground = new Ground(subject);
  let before = 0;
  beforeEach(() => {
    before = openDescriptors().size;
  });
  afterEach(async () => {
    await ground.clear();
    // Watchers give back what they held in later turns of the event loop, and files when Node's
    // thread pool has come to them; what is left behind for good is still there in the end.
    const end = performance.now() + 5_000;
    while (openDescriptors().size > before && performance.now() < end) await turns(1);
    expect(openDescriptors().size, 'descriptors').toBeLessThanOrEqual(before);
  });
  afterAll(() => ground.removeFolder());
  return ground;
}

export function sha256(...pieces: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}

/** Everything up to the end, as its length and digest. */
export async function digestOf(
  reader: PipeReader,
): Promise<{ readonly byteLength: number; readonly digest: string }> {
  const hash = createHash('sha256');
  let byteLength = 0;
  for await (const chunk of reader) {
    expect(chunk.offset).toBe(byteLength);
    hash.update(chunk.bytes);
    byteLength += chunk.byteLength;
    chunk.release();
  }
  expect(reader.ended).toBe(true);
  return { byteLength, digest: hash.digest('hex') };
}

/** Everything up to the end, as text. */
export async function textOf(reader: PipeReader): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const chunk of reader) {
    pieces.push(chunk.copy());
    chunk.release();
  }
  return Buffer.concat(pieces).toString();
}
