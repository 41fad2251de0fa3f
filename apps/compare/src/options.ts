import { InvalidArgumentError, Option } from 'commander';
import { type ScenarioName, scenarioNames } from './plan/scenarios.js';

/** The command line, parsed. */
export interface Options {
  readonly scenario?: readonly ScenarioName[];
  readonly subject?: readonly string[];
  readonly size?: readonly number[];
  readonly runs?: number;
  readonly quick?: true;
  readonly json?: true;
  readonly out: string;
  readonly baseline?: string;
  readonly from?: readonly string[];
}

const MOST_BYTES = 1024 ** 3;
const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** All options, in the order of the help. */
export function optionsFor(subjectNames: readonly string[]): readonly Option[] {
  return [
    new Option('--scenario <name...>', 'only this scenario; may be repeated').choices(
      scenarioNames,
    ),
    new Option('--subject <name...>', 'only this subject; may be repeated').choices(subjectNames),
    new Option('--size <bytes>', 'payload, such as 4096, 64K or 1M; may be repeated').argParser(
      (text, sizes: readonly number[] = []) => [...new Set([...sizes, parseSize(text)])],
    ),
    new Option('--runs <n>', 'trials of every subject (default: 3, or 1 with --quick)').argParser(
      parseRuns,
    ),
    new Option('--quick', 'fewer cases and subjects, once each: about a minute on two cores'),
    new Option('--json', 'print the results as JSON instead of a table'),
    new Option('--out <folder>', 'where the report and the JSON file go').default('compare-report'),
    new Option('--baseline <file>', 'an earlier results.json to compare with'),
    new Option(
      '--from <file...>',
      'make the report from these results.json instead of measuring',
    ).conflicts(['scenario', 'subject', 'size', 'runs', 'quick']),
  ];
}

/** `4096`, `64K`, `64KiB`, `1M`: a number of bytes from 1 to 1 GiB. */
export function parseSize(text: string): number {
  const [, digits, unit = ''] = /^(\d+)([kmg]?)(?:ib|b)?$/i.exec(text) ?? [];
  const bytes = Number(digits) * (UNITS[unit.toLowerCase()] ?? Number.NaN);
  if (bytes >= 1 && bytes <= MOST_BYTES) return bytes;
  throw new InvalidArgumentError('Not a size from 1 byte to 1 GiB.');
}

function parseRuns(text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Not a number from 1 to 999.');
}
