import { once } from 'node:events';
import type { LinuxCalls } from '@pageferry/linux';

/** One thing that a child process can be asked to do. */
export type Scenario = (calls: LinuxCalls) => unknown;

/** Loads the binding whose module URL is given. */
export async function loadBinding(moduleUrl: string): Promise<LinuxCalls> {
  const module = (await import(moduleUrl)) as { loadLinuxCalls: () => LinuxCalls };
  return module.loadLinuxCalls();
}

/** Runs the scenario that the command line names: `node program.js <module URL> <scenario>`. */
export async function runScenario(scenarios: Readonly<Record<string, Scenario>>): Promise<void> {
  const [, , moduleUrl = '', name = ''] = process.argv;
  const scenario = scenarios[name];
  if (scenario === undefined) throw new Error(`there is no scenario '${name}'`);
  await scenario(await loadBinding(moduleUrl));
}

/** Tells the parent something. Settles when it is on its way. */
export function tell(message: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, undefined, undefined, (error: Error | null) =>
      error === null ? resolve() : reject(error),
    );
  });
}

/** The next message from the parent. */
export async function hear(): Promise<unknown> {
  const [message] = await once(process, 'message');
  return message;
}

/** Stops listening to the parent, so that the process ends when nothing else keeps it alive. */
export function hangUp(): void {
  process.disconnect();
}

/** Expects a result that is not an error. */
export function succeed(result: number): number {
  if (result < 0) throw new Error(`a system call answered ${result}`);
  return result;
}
