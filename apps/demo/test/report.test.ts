import { describe, expect, it } from 'vitest';
import { type Result, toJson, toLine, toText } from '../dist/report.js';

/** A result with the longest figures that a column has to hold. */
const LONG: Result = {
  backend: 'vmsplice-napi',
  bytes: 999.4 * 1024 ** 3,
  seconds: 86_399.4,
  gibPerSecond: 99.99,
  cpuSecondsPerGib: 99.99,
  userSpaceCopies: 3,
  sha256: 'f'.repeat(64),
  verified: false,
  notes: [],
  roundTrip: { seconds: 0.999999 },
};

const SHORT: Result = {
  ...LONG,
  backend: 'shared-mmap',
  seconds: 0.0371,
  roundTrip: { seconds: 6.24e-6 },
};
const NONE: Result = {
  ...LONG,
  backend: 'socket',
  roundTrip: { reason: 'NOT_SUPPORTED: no channels' },
};

describe('the table', () => {
  const text = toText([LONG, SHORT, NONE], false, 80);
  const rowOf = (backend: string) =>
    text
      .split('\n')
      .find((line) => line.startsWith(`│ ${backend} `))
      ?.split('│')
      .map((cell) => cell.trim())
      .slice(1, -1);

  it('holds the longest figures in 80 columns, and none is cut short', () => {
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBe(80);
    expect(text).not.toContain('…');
    const figures = ['999 GiB', '86399', '99.99', '99.99', '3', 'NO'];
    expect(rowOf('vmsplice-napi')).toEqual(['vmsplice-napi', ...figures, '999999']);
  });

  it('shows short times with digits that tell', () => {
    const row = rowOf('shared-mmap') ?? [];
    expect([row[2], row.at(-1)]).toEqual(['0.037', '6.2']);
  });

  it('shows where there is no round trip, and below it why', () => {
    expect(rowOf('socket')?.at(-1)).toBe('-');
    expect(text).toMatch(/^socket: no round trip: NOT_SUPPORTED: no channels$/m);
    expect(text.match(/no round trip/g)).toHaveLength(1);
  });

  it.each([
    [9.9994, '9.999'],
    [10, '10.00'],
    [99.994, '99.99'],
    [100, '100.0'],
    [1000, '1000'],
  ])('shows %d seconds as %s', (seconds, shown) => {
    expect(toText([{ ...SHORT, seconds }], false, 80)).toContain(`│ ${shown.padStart(5)} │`);
  });

  it('is a list with the same figures where it does not fit', () => {
    const list = toText([SHORT, NONE], false, 50);
    expect(list).toMatch(/^ {2}round trip: 6\.2 µs$/m);
    expect(list).toMatch(/^ {2}round trip: -$/m);
  });
});

it('a line tells of a round trip where there was one', () => {
  expect(toLine(SHORT)).toMatch(/SHA-256 DIFFERS, round trip 6\.2 µs$/);
  expect(toLine(NONE)).toMatch(/SHA-256 DIFFERS$/);
});

it('JSON tells why there is no round trip', () => {
  const { results } = JSON.parse(toJson([SHORT, NONE]));
  expect(results[0]).toMatchObject({ roundTripMicroseconds: expect.closeTo(6.24) });
  expect(results[0]).not.toHaveProperty('roundTripReason');
  expect(results[1]).toMatchObject({
    roundTripMicroseconds: null,
    roundTripReason: 'NOT_SUPPORTED: no channels',
  });
});
