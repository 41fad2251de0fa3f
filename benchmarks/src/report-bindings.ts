import Table from 'cli-table3';
import type { BindingsResult } from './bindings.js';

const STYLE = { head: [], border: [], compact: true };

/** Prints what the bindings cost as tables. */
export function printBindings({ rounds, calls, wakeUps, timePerByte }: BindingsResult): void {
  const names = Object.keys(calls[0]?.nanoseconds ?? {});
  const costs = new Table({ head: ['ns a call', ...names], style: STYLE });
  for (const { binding, nanoseconds } of calls) {
    costs.push([binding, ...names.map((name) => (nanoseconds[name] as number).toFixed(0))]);
  }
  print(`One call on a closed descriptor, medians of ${rounds} rounds`, costs);

  const waits = new Table({ head: ['waiting with', 'us a wake-up'], style: STYLE });
  for (const { way, nanoseconds } of wakeUps) waits.push([way, (nanoseconds / 1000).toFixed(1)]);
  print('From a write to the callback, on one thread', waits);

  const ratios = new Table({
    head: ['backend', 'messages', 'path', 'min', 'median', 'max'],
    style: STYLE,
  });
  for (const { backend, path, messageBytes, ratio } of timePerByte) {
    const figures = [ratio.min, ratio.median, ratio.max].map((value) => value.toFixed(2));
    ratios.push([backend, `${messageBytes / 1024} KiB`, path, ...figures]);
  }
  print('Time per byte over that of vmsplice-napi', ratios);
}

function print(title: string, table: Table.Table): void {
  process.stdout.write(`\n${title}\n${table.toString()}\n`);
}
