import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Report } from '@pageferry/doctor';

/** The built commands. */
export const DOCTOR = fileURLToPath(new URL('../../dist/command/main.js', import.meta.url));
export const DEMO = fileURLToPath(new URL('../../../../apps/demo/dist/main.js', import.meta.url));

/** The path of a fixture. */
export const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

/** What is left of a process. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a process is run. */
export interface Circumstances {
  /** What comes before the command: `refuse …`, `sh -c …`. */
  readonly prefix?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly uid?: number | undefined;
}

/** Runs a Node program to its end. */
export async function runNode(
  program: string,
  args: readonly string[],
  { prefix = [], env = {}, uid }: Circumstances = {},
): Promise<Ended> {
  const [command, ...rest] = [...prefix, process.execPath, program, ...args];
  const { NO_COLOR, FORCE_COLOR, ...inherited } = process.env;
  const child = spawn(command as string, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inherited, ...env },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const code = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr };
}

/** Runs the doctor, and returns what it found and its exit status. */
export async function runDoctor(
  circumstances?: Circumstances,
): Promise<{ readonly report: Report; readonly code: number | null }> {
  const { code, stdout, stderr } = await runNode(DOCTOR, ['--json'], circumstances);
  if (stdout === '') throw new Error(`the doctor said nothing but: ${stderr}`);
  return { report: JSON.parse(stdout) as Report, code };
}

/** What the demo tells of one transfer. */
export interface Transfer {
  readonly backend: string;
  readonly bytes: number;
  readonly verified: boolean;
}

/** Has the demo bring a file across, over the automatic choice or a given backend. */
export async function runDemo(
  file: string,
  circumstances?: Circumstances,
  backend = 'auto',
): Promise<{ readonly transfer: Transfer | undefined; readonly ended: Ended }> {
  const args = ['--json', '--rounds', '1', '--file', file, '--backend', backend];
  const ended = await runNode(DEMO, args, circumstances);
  const { results } = JSON.parse(ended.stdout || '{"results":[]}') as { results: Transfer[] };
  return { transfer: results[0], ended };
}
