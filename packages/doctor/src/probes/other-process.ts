import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { dispose, PageferryError } from '@pageferry/core';
import { type LinuxCalls, POLLIN, UnixSocket, waitUntilReady } from '@pageferry/linux';
import type { SystemCall } from '../capabilities/system-calls.js';
import { startProgram } from '../children/start-program.js';
import type { Observer, Sight } from './observer.js';
import { type Answer, type Command, decode, encode, MESSAGE_BYTES } from './wire.js';

const PROGRAM = `${import.meta.dirname}/other-process-program.js`;

/** How long the other process may take for its start, or for an answer, in milliseconds. */
const PATIENCE = 5000;

/** Observes in a second process, to which descriptors go over a Unix socket. */
export class OtherProcess implements Observer {
  readonly name = 'the other process';
  readonly #calls: LinuxCalls;
  readonly #socket: UnixSocket;
  readonly #child: ChildProcess;
  readonly #ended: Promise<string>;

  private constructor(calls: LinuxCalls, socket: UnixSocket, child: ChildProcess) {
    this.#calls = calls;
    this.#socket = socket;
    this.#child = child;
    this.#ended = once(child, 'exit').then(([code, signal]) => signal ?? `status ${code}`);
  }

  /**
   * Starts it, and waits until it is ready.
   *
   * @param binding whose system calls it makes.
   * @param killers calls that it must not make.
   * @throws `SYSTEM_CALL_FAILED`, `PEER_DIED`, `TIMEOUT`, or Node's error, if it cannot be started.
   */
  static async start(
    calls: LinuxCalls,
    binding: string,
    killers: readonly SystemCall[],
  ): Promise<OtherProcess> {
    const [ours, theirs] = UnixSocket.pair(calls);
    let other: OtherProcess;
    try {
      const stdio = ['ignore', 'ignore', 'inherit', theirs.fd] as const;
      const child = await startProgram(PROGRAM, [binding, ...killers], [...stdio]);
      other = new OtherProcess(calls, ours, child);
    } catch (error) {
      ours.close();
      throw error;
    } finally {
      theirs.close();
    }
    await other.#answer();
    return other;
  }

  get usable(): boolean {
    return this.#socket.open;
  }

  read(fd: number): Promise<Sight> {
    return this.#ask({ what: 'read' }, fd);
  }

  vmsplice(fd: number): Promise<Sight> {
    return this.#ask({ what: 'vmsplice' }, fd);
  }

  map(fd: number, byteLength: number): Promise<Sight> {
    return this.#ask({ what: 'map', byteLength }, fd);
  }

  look(): Promise<Sight> {
    return this.#ask({ what: 'look' });
  }

  [dispose](): void {
    this.#socket.close();
    this.#child.kill('SIGKILL'); // It has nothing to put in order, and may hang.
  }

  async #ask(command: Command, fd?: number): Promise<Sight> {
    this.#socket.send(encode(command), fd === undefined ? [] : [{ fd }]);
    const answer = await this.#answer();
    if ('sight' in answer) return answer.sight;
    if ('ready' in answer) throw new Error('it was ready before');
    const { message: words, ...details } = answer.failed;
    throw new PageferryError('SYSTEM_CALL_FAILED', words, details);
  }

  /** The next answer. Without one this observer is of no use any more, and gone. */
  async #answer(): Promise<Answer> {
    try {
      await this.#untilAnswered();
      const message = this.#socket.receive(MESSAGE_BYTES);
      if (message !== undefined && message !== 'end') return decode<Answer>(message.bytes);
    } catch (error) {
      this[dispose]();
      throw error;
    }
    this[dispose]();
    throw new PageferryError('PEER_DIED', `the other process was ended by ${await this.#ended}`);
  }

  async #untilAnswered(): Promise<void> {
    const patience = AbortSignal.timeout(PATIENCE);
    try {
      await waitUntilReady(this.#calls, this.#socket.fd, POLLIN, 0, patience);
    } catch (error) {
      if (!patience.aborted) throw error;
      const seconds = PATIENCE / 1000;
      throw new PageferryError('TIMEOUT', `the other process had no answer for ${seconds} s`);
    }
  }
}
