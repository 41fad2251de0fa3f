import type { LinuxCalls } from '@pageferry/linux';

/** One call that was made: its name, then its arguments. */
export type CallRecord = readonly [name: string, ...args: unknown[]];

/** System calls that answer as a test likes and are written down. What was not given fails. */
export function fakeCalls(answers: Partial<LinuxCalls>): {
  readonly calls: LinuxCalls;
  readonly made: CallRecord[];
} {
  const made: CallRecord[] = [];
  const calls = new Proxy(answers, {
    get(target, name: string) {
      const answer = Reflect.get(target, name) as ((...args: unknown[]) => unknown) | undefined;
      if (answer === undefined) throw new Error(`${name} was not expected`);
      return (...args: unknown[]) => {
        made.push([name, ...args]);
        return answer(...args);
      };
    },
  });
  return { calls: calls as LinuxCalls, made };
}
