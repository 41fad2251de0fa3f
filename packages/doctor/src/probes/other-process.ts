import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { PageferryError } from '@pageferry/core';
import { type LinuxCalls, POLLIN, UnixSocket, waitUntilReady } from '@pageferry/linux';
import type { Observer, Sight } from './observer.js';
import { type Answer, type Command, decode, encode, MESSAGE_BYTES } from './wire.js';

const PROGRAM = fileURLToPath(new URL('./other-process-program.js', import.meta.url));

/** How long the other process may take for an answer, its start included, in milliseconds. */
const PATIENCE = 20_000;

/** Observes in a second process, to which descriptors go over a Unix socket. */
export class OtherProcess implements Observer {
  readonly name = 'the other process';
  readonly #calls: LinuxCalls;
  readonly #socket: UnixSocket;
  readonly #child: ChildProcess;

  private constructor(calls: LinuxCalls, socket: UnixSocket, child: ChildProcess) {
    this.#calls = calls;
    this.#socket = socket;
    this.#child = child;
  }

  /**
   * Starts it.
   *
   * @param binding whose system calls it makes.
   * @throws `SYSTEM_CALL_FAILED`, or Node's error, if it cannot be started.
   */
  static async start(calls: LinuxCalls, binding: string): Promise<OtherProcess> {
    const [ours, theirs] = UnixSocket.pair(calls);
    try {
      const child = spawn(process.execPath, [PROGRAM, binding], {
        stdio: ['ignore', 'ignore', 'inherit', theirs.fd],
        env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' }, // Else it would be a second application.
      });
      await once(child, 'spawn');
      return new OtherProcess(calls, ours, child);
    } catch (error) {
      ours.close();
      throw error;
    } finally {
      theirs.close();
    }
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

  [Symbol.dispose](): void {
    this.#socket.close(); // It sees the end, and ends.
    this.#child.unref();
  }

  async #ask(command: Command, fd?: number): Promise<Sight> {
    this.#socket.send(encode(command), fd === undefined ? [] : [{ fd }]);
    await this.#answered();
    const message = this.#socket.receive(MESSAGE_BYTES);
    if (message === undefined || message === 'end') {
      throw new PageferryError('PEER_DIED', 'the other process ended before it had an answer');
    }
    const answer = decode<Answer>(message.bytes);
    if ('sight' in answer) return answer.sight;
    const { message: words, ...details } = answer.failed;
    throw new PageferryError('SYSTEM_CALL_FAILED', words, details);
  }

  async #answered(): Promise<void> {
    const patience = AbortSignal.timeout(PATIENCE);
    try {
      await waitUntilReady(this.#calls, this.#socket.fd, POLLIN, 0, patience);
    } catch (error) {
      this.#socket.close(); // A late answer must not be taken for that to the next question.
      throw error;
    }
  }
}
