import { describe, expect, test } from 'vitest';
import {
  type Access,
  atomicCompareExchange,
  atomicLoad,
  atomicStore,
  BARRIER,
  load,
  type Outcome,
  onlyIf,
  outcomes,
  type Processor,
  store,
} from './support/memory-order.js';

const PROCESSORS: readonly Processor[] = ['x86-64', 'ARMv8'];

/** Whether some outcome is so. */
function canBe(
  processor: Processor,
  programs: readonly Access[][],
  isSo: (outcome: Outcome) => boolean,
): boolean {
  return outcomes(processor, ...programs).some(isSo);
}

// Litmus tests by their usual names, with what both processors are known to do.
describe('the model of the processors', () => {
  const storeBuffering = (between: readonly Access[]): Access[][] => [
    [store('x', 1), ...between, load('y', 'a')],
    [store('y', 1), ...between, load('x', 'b')],
  ];
  const bothEarly = ({ a, b }: Outcome) => a === 0 && b === 0;

  test.each(PROCESSORS)('%s lets both loads overtake both stores (SB)', (processor) => {
    expect(canBe(processor, storeBuffering([]), bothEarly)).toBe(true);
    expect(canBe(processor, storeBuffering([BARRIER]), bothEarly)).toBe(false);
  });

  test('ARMv8 keeps stlr before ldar', () => {
    const programs = [
      [atomicStore('x', 1), atomicLoad('y', 'a')],
      [atomicStore('y', 1), atomicLoad('x', 'b')],
    ];
    expect(canBe('ARMv8', programs, bothEarly)).toBe(false);
  });

  const stale = ({ flag, data }: Outcome) => flag === 1 && data === 0;

  test('ARMv8 alone shows a flag before its data (MP)', () => {
    const programs = [
      [store('x', 1), store('y', 1)],
      [load('y', 'flag'), load('x', 'data')],
    ];
    expect(canBe('x86-64', programs, stale)).toBe(false);
    expect(canBe('ARMv8', programs, stale)).toBe(true);
  });

  test.each([
    ['stlr alone', [store('x', 1), atomicStore('y', 1)], [load('y', 'flag'), load('x', 'data')]],
    ['ldar alone', [store('x', 1), store('y', 1)], [atomicLoad('y', 'flag'), load('x', 'data')]],
  ])('%s is not enough for that', (_, writer, reader) => {
    expect(canBe('ARMv8', [writer, reader], stale)).toBe(true);
  });

  test('ARMv8 alone lets stores overtake loads, but not those that depend on them (LB)', () => {
    const programs = (is?: number): Access[][] => [
      [load('x', 'a'), ...(is === undefined ? [store('y', 1)] : onlyIf('a', is, store('y', 1)))],
      [load('y', 'b'), ...(is === undefined ? [store('x', 1)] : onlyIf('b', is, store('x', 1)))],
    ];
    const both = ({ a, b }: Outcome) => a === 1 && b === 1;
    expect(canBe('x86-64', programs(), both)).toBe(false);
    expect(canBe('ARMv8', programs(), both)).toBe(true);
    expect(canBe('ARMv8', programs(1), both)).toBe(false);
  });

  test.each(PROCESSORS)('%s shows a process its own stores', (processor) => {
    const all = outcomes(processor, [store('x', 1), store('x', 2), load('x', 'a')]);
    expect(all).toEqual([{ a: 2 }]);
  });
});

// `queue/ring.ts` and `QueueProducer`: the words of an entry, then the counter.
describe.each(PROCESSORS)('a message that is published, on %s', (processor) => {
  const entry = [store('length', 5), store('place', 7)];
  const reader = [
    atomicLoad('published', 'seen'),
    load('length', 'length'),
    load('place', 'place'),
  ];
  const isTorn = ({ seen, length, place }: Outcome) => seen === 1 && (length !== 5 || place !== 7);

  test('is whole for everybody who sees the counter', () => {
    const publisher = [...entry, atomicStore('published', 1)];
    expect(canBe(processor, [publisher, reader], isTorn)).toBe(false);
  });

  test('is not if the counter comes first', () => {
    const publisher = [atomicStore('published', 1), ...entry];
    expect(canBe(processor, [publisher, reader], isTorn)).toBe(true);
  });

  // Why docs/shared-memory-layout.md asks for a releasing store.
  test('depends on the processor where the counter is stored plainly', () => {
    const publisher = [...entry, store('published', 1)];
    expect(canBe(processor, [publisher, reader], isTorn)).toBe(processor === 'ARMv8');
  });
});

// The ring that all read: a sender writes over an entry that a receiver which it has cut off may still read. The
// sequence is written first and read last.
describe('an entry of the ring that is written over while it is read', () => {
  /** Message 1 is there; message 2 takes its place. `fence` is a word of the process's own. */
  const race = (keepOrder: (process: string) => readonly Access[]): Access[][] => [
    [
      ...[store('sequence', 1), store('place', 10), atomicStore('published', 1)],
      ...[store('sequence', 2), ...keepOrder('writer'), store('place', 20)],
    ],
    [
      ...[atomicLoad('published', 'seen'), load('place', 'place')],
      ...[...keepOrder('reader'), load('sequence', 'sequence')],
    ],
  ];
  const isMixed = ({ seen, sequence, place }: Outcome) =>
    seen === 1 && sequence === 1 && place !== 10;

  /** `Atomics.store` and `Atomics.load` of a word that no other thread has. */
  const storeAndLoad = (process: string) => [
    atomicStore(`fence of ${process}`, 0),
    atomicLoad(`fence of ${process}`, `fence of ${process}`),
  ];
  /** `Atomics.exchange` of such a word where ARMv8 has no instruction for that: `ldaxr`, `stlxr`. */
  const exchange = (process: string) => [
    atomicLoad(`fence of ${process}`, `fence of ${process}`),
    atomicStore(`fence of ${process}`, 0),
  ];

  test.each(PROCESSORS)('is never taken for the old one, on %s', (processor) => {
    expect(canBe(processor, race(storeAndLoad), isMixed)).toBe(false);
  });

  test('could be, on ARMv8 alone, with nothing to keep the order', () => {
    expect(
      canBe(
        'x86-64',
        race(() => []),
        isMixed,
      ),
    ).toBe(false);
    expect(
      canBe(
        'ARMv8',
        race(() => []),
        isMixed,
      ),
    ).toBe(true);
  });

  test('could be with an exchange on ARMv8.0, which is no barrier there', () => {
    expect(canBe('ARMv8', race(exchange), isMixed)).toBe(true);
  });
});

// `queue/claimable-queue.ts`: the receiver takes an entry, or the sender takes it back and writes another one there.
describe.each(PROCESSORS)('an entry that is claimed by both sides, on %s', (processor) => {
  const [WAITS, TAKEN, DROPPED, NEXT] = [1, 2, 3, 4];
  const published = [store('place', 10), atomicStore('claim', WAITS), atomicStore('published', 1)];
  const reader = [
    atomicLoad('published', 'seen'),
    atomicLoad('claim', 'claim'),
    load('place', 'place'),
  ];

  test('goes to one of them', () => {
    const programs = [
      [...published, atomicCompareExchange('claim', WAITS, DROPPED, 'drop')],
      [...reader, atomicCompareExchange('claim', WAITS, TAKEN, 'take')],
    ];
    const hasIt = (before: number | undefined) => before === WAITS;
    const all = outcomes(processor, ...programs).filter(
      ({ seen, claim }) => seen === 1 && hasIt(claim),
    );
    expect(all.length).toBeGreaterThan(0);
    expect(all.every(({ drop, take }) => hasIt(drop) !== hasIt(take))).toBe(true);
  });

  test('goes to both where they look first, and then store', () => {
    const programs = [
      [
        ...published,
        atomicLoad('claim', 'drop'),
        ...onlyIf('drop', WAITS, atomicStore('claim', DROPPED)),
      ],
      [
        ...reader,
        atomicLoad('claim', 'take'),
        ...onlyIf('take', WAITS, atomicStore('claim', TAKEN)),
      ],
    ];
    const both = ({ seen, drop, take }: Outcome) => seen === 1 && drop === WAITS && take === WAITS;
    expect(canBe(processor, programs, both)).toBe(true);
  });

  const next = [store('place', 20), atomicStore('claim', NEXT)];
  const taker = [...reader, atomicCompareExchange('claim', WAITS, TAKEN, 'take')];
  const isWrong = ({ seen, take, place }: Outcome) => seen === 1 && take === WAITS && place !== 10;

  test('is never taken with the words of the one that comes in its place', () => {
    const drop = atomicCompareExchange('claim', WAITS, DROPPED, 'drop');
    const sender = [...published, drop, ...onlyIf('drop', WAITS, ...next)];
    expect(canBe(processor, [sender, taker], isWrong)).toBe(false);
  });

  test('could be where the sender writes without having taken it back', () => {
    expect(canBe(processor, [[...published, ...next], taker], isWrong)).toBe(true);
  });
});

// `publish`, then `wake`: the store comes before the look.
describe.each(PROCESSORS)('one who parks, on %s', (processor) => {
  const parker = [
    atomicStore('parked', 1),
    ...barrierOf(processor),
    atomicLoad('published', 'seen'),
  ];
  const sleepsOn = ({ seen, parked }: Outcome) => seen === 0 && parked === 0;

  test('is seen, or sees the message', () => {
    const publisher = [
      atomicStore('published', 1),
      ...barrierOf(processor),
      atomicLoad('parked', 'parked'),
    ];
    expect(canBe(processor, [publisher, parker], sleepsOn)).toBe(false);
  });

  test('sleeps on where the publisher looks before it stores', () => {
    const publisher = [
      atomicLoad('parked', 'parked'),
      ...barrierOf(processor),
      atomicStore('published', 1),
    ];
    expect(canBe(processor, [publisher, parker], sleepsOn)).toBe(true);
  });

  test('sleeps on where the publisher has no barrier', () => {
    const publisher = [store('published', 1), load('parked', 'parked')];
    expect(canBe(processor, [publisher, parker], sleepsOn)).toBe(true);
  });
});

/** On x86-64 `Atomics.store` is a locked instruction, and a barrier; on ARMv8 `stlr` before `ldar` is enough. */
function barrierOf(processor: Processor): readonly Access[] {
  return processor === 'x86-64' ? [BARRIER] : [];
}
