import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Subject } from '../registration.js';

/** Circumstances of a {@link runProgram}. */
export interface ProgramOptions {
  /** How many descriptors it may have (`RLIMIT_NOFILE`). */
  readonly descriptors?: number;
}

/**
 * Runs a program of a user in a process of its own, for what concerns a whole process.
 *
 * @param body statements in JavaScript. `transport` is the transport that is tested, `senderOptions` and
 *   `receiverOptions` are the suite's, and `say(value)` says what came of it.
 * @returns what it has said, in order.
 */
export async function runProgram(
  { moduleUrl, exportName, senderOptions, receiverOptions }: Subject,
  body: string,
  { descriptors }: ProgramOptions = {},
): Promise<unknown[]> {
  const program = `
    const { ${exportName}: transport } = await import(${JSON.stringify(moduleUrl)});
    const senderOptions = ${JSON.stringify(senderOptions)};
    const receiverOptions = ${JSON.stringify(receiverOptions)};
    const said = [];
    const say = (value) => said.push(value);
    ${body}
    process.stdout.write(JSON.stringify(said));`;
  const words = ['--no-warnings', '--input-type=module', '-e', program];
  const limit = descriptors === undefined ? '' : `ulimit -n ${descriptors}; `;
  const shell = ['-c', `${limit}exec "$0" "$@"`, process.execPath, ...words];
  const { stdout } = await promisify(execFile)('/bin/sh', shell);
  return JSON.parse(stdout) as unknown[];
}
