import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { machineLine } from '../dist/machine.js';
import { renderTable } from '../dist/tables.js';
import {
  formatBytes,
  formatNanoseconds,
  formatNumber,
  formatShare,
  formatTimes,
  gibPerSecond,
} from '../dist/units.js';

describe('a table', () => {
  test('is plain text, aligned on the left', () => {
    expect(renderTable(['subject', 'max'], [['C', '1.00']]).split('\n')).toEqual([
      '┌─────────┬──────┐',
      '│ subject │ max  │',
      '├─────────┼──────┤',
      '│ C       │ 1.00 │',
      '└─────────┴──────┘',
    ]);
  });

  test('has its figures on the right, and lets a cell span columns', () => {
    const rows = [
      ['a', '1', '22'],
      ['b', { colSpan: 2, content: 'not built' }],
    ];
    expect(renderTable(['name', 'min', 'max'], rows, { figuresFrom: 1 }).split('\n')).toEqual([
      '┌──────┬─────┬─────┐',
      '│ name │ min │ max │',
      '├──────┼─────┼─────┤',
      '│ a    │   1 │  22 │',
      '│ b    │ not built │',
      '└──────┴───────────┘',
    ]);
  });

  test('has one line and two blanks between its columns where room is scarce', () => {
    const rows = [[{ colSpan: 3, content: 'a heading' }], ['a', '1', '22']];
    const look = { figuresFrom: 1, narrow: true };
    expect(renderTable(['name', 'min', 'max'], rows, look).split('\n')).toEqual([
      'name  min  max',
      '──────────────',
      'a heading',
      'a       1   22',
    ]);
  });

  test('has colors where it is told so', () => {
    const plain = renderTable(['a'], [['b']]);
    const colored = renderTable(['a'], [['b']], { colors: true });
    expect(plain).not.toContain('\x1b[');
    expect(colored).toContain('\x1b[1ma\x1b[22m');
    expect(colored).toContain('\x1b[90m┌───┐\x1b[39m');
    expect(stripVTControlCharacters(colored)).toBe(plain);
  });
});

describe('figures for people', () => {
  test.each([
    [formatBytes(64), '64 B'],
    [formatBytes(1536), '1.5 KiB'],
    [formatBytes(2 ** 20), '1 MiB'],
    [formatBytes(2 ** 41), '2048 GiB'],
    [formatNumber(0), '0'],
    [formatNumber(0.00123), '0.00123'],
    [formatNumber(1.234), '1.23'],
    [formatNumber(1234), '1,230'],
    [formatNanoseconds(112), '112 ns'],
    [formatNanoseconds(2300), '2.30 µs'],
    [formatNanoseconds(3.1e6), '3.10 ms'],
    [formatTimes(1.84), '1.8 times'],
    [formatTimes(1234), '1,234 times'],
    [formatShare(0.754), '75 %'],
    [formatShare(0.004), 'less than 1 %'],
  ])('%s', (text, expected) => expect(text).toBe(expected));

  test('say how many GiB go in a second', () => {
    expect(gibPerSecond(2 ** 31, 5e8)).toBe(4);
  });

  test('come with the machine in one line', () => {
    const machine = { processor: 'Example', cores: 2, kernel: '6.0.0', node: 'v20.19.0' };
    expect(machineLine(machine)).toBe('2 cores of Example, kernel 6.0.0, Node v20.19.0');
  });
});
