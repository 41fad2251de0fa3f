import { type ChildProcess, execFile, fork } from 'node:child_process';
import { promisify } from 'node:util';
import type { Subject } from '../registration.js';
import type { Stage } from './stage.js';

/** Circumstances of a {@link runProgram}. */
export interface ProgramOptions {
  /** How many descriptors it may have (`RLIMIT_NOFILE`). */
  readonly descriptors?: number;
  /** What it finds in `NODE_DEBUG`. Default: nothing. */
  readonly nodeDebug?: string;
}

/** What came of a program. */
export interface ProgramOutcome {
  /** What it has said, in order. */
  readonly said: readonly unknown[];
  /** What it has printed on standard error. */
  readonly printed: string;
}

/** The beginning of a program: it imports the transport that is tested, and has the suite's options. */
function prelude(subject: Subject): string {
  const { moduleUrl, exportName, senderOptions, receiverOptions, channelOptions } = subject;
  return `
    const { ${exportName}: transport } = await import(${JSON.stringify(moduleUrl)});
    const senderOptions = ${JSON.stringify(senderOptions)};
    const receiverOptions = ${JSON.stringify(receiverOptions)};
    const channelOptions = ${JSON.stringify(channelOptions)};`;
}

/**
 * Runs a program of a user in a process of its own, for what concerns a whole process.
 *
 * @param body statements in JavaScript. `transport` is the transport that is tested, `senderOptions`,
 *   `receiverOptions` and `channelOptions` are the suite's, and `say(value)` says what came of it.
 * @returns what it has said, in order.
 */
export async function runProgram(
  subject: Subject,
  body: string,
  options?: ProgramOptions,
): Promise<readonly unknown[]> {
  return (await observeProgram(subject, body, options)).said;
}

/** As {@link runProgram}, and tells also what the program has printed. */
export async function observeProgram(
  subject: Subject,
  body: string,
  { descriptors, nodeDebug = '' }: ProgramOptions = {},
): Promise<ProgramOutcome> {
  const program = `
    ${prelude(subject)}
    const said = [];
    const say = (value) => said.push(value);
    ${body}
    process.stdout.write(JSON.stringify(said));`;
  const words = ['--no-warnings', '--input-type=module', '-e', program];
  const limit = descriptors === undefined ? '' : `ulimit -n ${descriptors}; `;
  const shell = ['-c', `${limit}exec "$0" "$@"`, process.execPath, ...words];
  const env = { ...process.env, NODE_DEBUG: nodeDebug };
  const { stdout, stderr } = await promisify(execFile)('/bin/sh', shell, { env });
  return { said: JSON.parse(stdout) as unknown[], printed: stderr };
}

/**
 * Starts such a program, which is killed after the test if it has not ended. It has an IPC channel
 * (`process.send`), and nothing that it `say`s.
 */
export function startProgram(stage: Stage, body: string): ChildProcess & { readonly pid: number } {
  const url = `data:text/javascript,${encodeURIComponent(`${prelude(stage.subject)}\n${body}`)}`;
  const child = fork('-e', [`import(${JSON.stringify(url)})`], { execArgv: ['--no-warnings'] });
  stage.defer(() => child.kill('SIGKILL'));
  if (child.pid === undefined) throw new Error('the program could not be started');
  return child as ChildProcess & { readonly pid: number };
}
