import type { BindingsResult } from './bindings.js';
import { cellsOf, printTable } from './print.js';

/** Prints what the bindings cost as tables. */
export function printBindings({ rounds, calls, wakeUps, timePerByte }: BindingsResult): void {
  const names = Object.keys(calls[0]?.nanoseconds ?? {});
  printTable(
    `One call on a closed descriptor, medians of ${rounds} rounds`,
    ['ns a call', ...names],
    calls.map(({ binding, nanoseconds }) => [
      binding,
      ...names.map((name) => (nanoseconds[name] as number).toFixed(0)),
    ]),
  );
  printTable(
    'From a write to the callback, on one thread',
    ['waiting with', 'us a wake-up'],
    wakeUps.map(({ way, nanoseconds }) => [way, (nanoseconds / 1000).toFixed(1)]),
  );
  printTable(
    'Time per byte over that of vmsplice-napi',
    ['backend', 'messages', 'path', 'min', 'median', 'max'],
    timePerByte.map(({ backend, path, messageBytes, ratio }) => [
      backend,
      `${messageBytes / 1024} KiB`,
      path,
      ...cellsOf(ratio),
    ]),
  );
}
