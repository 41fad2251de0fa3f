import { describe, expect, test } from 'vitest';
import { finalStates } from './support/store-buffers/explore.js';
import {
  exchange,
  FENCE,
  load,
  MEMBARRIER,
  type Program,
  store,
} from './support/store-buffers/instructions.js';
import { Machine } from './support/store-buffers/machine.js';

/** What the processes of a litmus test can have loaded in the end, sorted: `a=0 b=1`. */
function outcomes(...programs: readonly Program[]): string[] {
  const finals = finalStates(new Machine(['x', 'y'], programs));
  const texts = finals.map(({ processes }) =>
    processes
      .flatMap(({ registers }) => Object.entries(registers))
      .map(([name, value]) => `${name}=${value}`)
      .sort()
      .join(' '),
  );
  return [...new Set(texts)].sort();
}

const one = () => 1;
const IN_SOME_ORDER = ['a=0 b=1', 'a=1 b=0', 'a=1 b=1'];

// The litmus tests that x86-TSO is known by: Intel SDM, volume 3, section 9.2.3; the paper of `machine.ts`.
describe('processors with store buffers, as the model has them', () => {
  /** Two processes that each store one word and load the other's, with something in between. */
  const storeThenLoad = (first: Program, second: Program): string[] =>
    outcomes(
      [...store('x', one), ...first, ...load('y', 'a')],
      [...store('y', one), ...second, ...load('x', 'b')],
    );

  test('let both loads come before both stores, with no barrier or with one', () => {
    const anything = ['a=0 b=0', ...IN_SOME_ORDER];
    expect(storeThenLoad([], [])).toEqual(anything);
    expect(storeThenLoad(FENCE, [])).toEqual(anything);
    expect(storeThenLoad([], FENCE)).toEqual(anything);
  });

  test('do not with a full barrier in both, or with a membarrier in one', () => {
    expect(storeThenLoad(FENCE, FENCE)).toEqual(IN_SOME_ORDER);
    expect(storeThenLoad([], MEMBARRIER)).toEqual(IN_SOME_ORDER);
    expect(storeThenLoad(MEMBARRIER, [])).toEqual(IN_SOME_ORDER);
  });

  test('show stores in their order', () => {
    const writer = [...store('x', one), ...store('y', one)];
    expect(outcomes(writer, [...load('y', 'a'), ...load('x', 'b')])).toEqual([
      'a=0 b=0',
      'a=0 b=1',
      'a=1 b=1',
    ]);
  });

  test('do not let a store overtake the load before it', () => {
    expect(
      outcomes([...load('x', 'a'), ...store('y', one)], [...load('y', 'b'), ...store('x', one)]),
    ).toEqual(['a=0 b=0', 'a=0 b=1', 'a=1 b=0']);
  });

  test('show a process its own stores before anybody else sees them', () => {
    const own = (word: string, other: string, mine: string, others: string): Program => [
      ...store(word, one),
      ...load(word, mine),
      ...load(other, others),
    ];
    expect(outcomes(own('x', 'y', 'a', 'b'), own('y', 'x', 'c', 'd'))).toContain('a=1 b=0 c=1 d=0');
  });

  test('have a locked instruction in one place in the order of all', () => {
    expect(
      outcomes(
        [...exchange('x', 1, 'was'), ...load('y', 'a')],
        [...exchange('y', 1, 'was'), ...load('x', 'b')],
      ),
    ).not.toContain('a=0 b=0 was=0 was=0');
    expect(outcomes(exchange('x', 1, 'a'), exchange('x', 1, 'b'))).toEqual(['a=0 b=1', 'a=1 b=0']);
  });
});
