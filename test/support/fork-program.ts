import { type ChildProcess, fork } from 'node:child_process';
import { onTestFinished } from 'vitest';

/** Starts a process that runs the text of a module, and kills it when the test has ended. */
export function forkProgram(source: string): ChildProcess {
  const url = `data:text/javascript,${encodeURIComponent(source)}`;
  const child = fork('-e', [`import(${JSON.stringify(url)})`], { execArgv: [] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}
