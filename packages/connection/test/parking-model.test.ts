import { describe, expect, test } from 'vitest';
import {
  BARRIERS,
  publish,
  take,
  untilCounted,
  type Waiter,
  wakeByExchange,
  wakeByStore,
} from './support/parking-programs.js';
import { finalStates } from './support/store-buffers/explore.js';
import type { Program } from './support/store-buffers/instructions.js';
import { Machine } from './support/store-buffers/machine.js';

/** What a publisher has between its store and its load, and who parks between theirs. */
type Pair = readonly [publisher: keyof typeof BARRIERS, parker: keyof typeof BARRIERS];

const SOUND: readonly Pair[] = [
  ['full', 'full'],
  ['nothing', 'membarrier'],
  ['full', 'membarrier'],
];
const UNSOUND: readonly Pair[] = [
  ['nothing', 'nothing'],
  ['nothing', 'full'],
  ['full', 'nothing'],
];

/** Enough for a parked word and a ring that are left over from the message before. */
const MESSAGES = 3;

/** A process: what it does, and what it waits for. */
interface Role {
  readonly program: Program;
  readonly waiter?: Waiter;
}

/** How everything can end. */
interface Endings {
  /** Whether, in every one, each process has come to its end. */
  readonly allEnd: boolean;
  /** Which counters have news, in some of them, for somebody who sleeps and whom nobody will ring. */
  readonly missed: readonly string[];
}

function endings(...roles: readonly Role[]): Endings {
  const words = roles.flatMap(({ waiter }) =>
    waiter === undefined ? [] : [waiter.news, waiter.parked, waiter.bell],
  );
  const machine = new Machine(
    [...new Set(words)],
    roles.map(({ program }) => program),
  );
  const asleep = finalStates(machine).flatMap((state) =>
    roles.flatMap(({ waiter }, index) => {
      if (machine.hasEnded(state, index)) return [];
      const { news = '', taken = '' } = waiter ?? {};
      const known = state.processes[index]?.registers[taken] ?? 0;
      return [state.words[news] === known ? 'nothing' : news];
    }),
  );
  const missed = new Set(asleep.filter((news) => news !== 'nothing'));
  return { allEnd: asleep.length === 0, missed: [...missed].sort() };
}

const ALL_END: Endings = { allEnd: true, missed: [] };

/** Somebody who waits for a counter. */
function waiterFor(news: string, name: string): Waiter {
  return { news, parked: `parked.${name}`, bell: `bell.${name}`, taken: 'taken' };
}

/** A sender that publishes `messages` for all its receivers at once, and does not wait for them. */
function send(
  [publisher, parker]: Pair,
  messages: number,
  ...receivers: readonly Waiter[]
): Endings {
  const publishEach = publish('sent', BARRIERS[publisher], receivers);
  return endings(
    { program: untilCounted(messages, 'sent', publishEach) },
    ...receivers.map((waiter) => ({
      program: untilCounted(messages, waiter.taken, take(waiter, BARRIERS[parker])),
      waiter,
    })),
  );
}

/**
 * A sender that waits for the return of each message: both sides publish, and both park.
 *
 * @param wake how the receiver wakes the sender.
 */
function sendAndWaitForReturns(deliveries: Pair, returns: Pair, wake = wakeByExchange): Endings {
  const receiver = waiterFor('delivered', 'receiver');
  const sender = waiterFor('returned', 'sender');
  const publishOne = publish('sent', BARRIERS[deliveries[0]], [receiver]);
  const giveBack = publish('given back', BARRIERS[returns[0]], [sender], wake);
  const sends = [...publishOne, ...take(sender, BARRIERS[returns[1]])];
  const receives = [...take(receiver, BARRIERS[deliveries[1]]), ...giveBack];
  return endings(
    { program: untilCounted(MESSAGES, 'sent', sends), waiter: sender },
    { program: untilCounted(MESSAGES, receiver.taken, receives), waiter: receiver },
  );
}

// Every order of all steps is tried, and every time at which a store can leave its buffer.
describe.each(SOUND)('with %s at the publisher and %s at who parks', (...pair) => {
  test('a receiver never sleeps on while there is a message', () => {
    expect(send(pair, MESSAGES, waiterFor('delivered', 'receiver'))).toEqual(ALL_END);
  });

  test('neither of two receivers with one counter sleeps on while there is a message', () => {
    const receivers = [waiterFor('delivered', 'first'), waiterFor('delivered', 'second')];
    expect(send(pair, 2, ...receivers)).toEqual(ALL_END);
  });

  test.each(SOUND)(
    'neither side sleeps on where the receiver has %s, and the sender that parks for returns %s',
    (...returns) => {
      expect(sendAndWaitForReturns(pair, returns)).toEqual(ALL_END);
    },
  );
});

// What the model finds where something is missing: otherwise the tests above would say nothing.
describe.each(UNSOUND)('with %s at the publisher and %s at who parks', (...pair) => {
  test('a receiver can sleep on though there is a message', () => {
    const { missed } = send(pair, MESSAGES, waiterFor('delivered', 'receiver'));
    expect(missed).toEqual(['delivered']);
  });

  test('so can one of two receivers with one counter', () => {
    const receivers = [waiterFor('delivered', 'first'), waiterFor('delivered', 'second')];
    expect(send(pair, 1, ...receivers).missed).toEqual(['delivered']);
  });

  test.each(SOUND)(
    'so can a sender that parks for returns, with %s and %s the other way',
    (...deliveries) => {
      expect(sendAndWaitForReturns(deliveries, pair).missed).toEqual(['returned']);
    },
  );

  test.each(SOUND)(
    'so can a receiver that gives back, with %s and %s the other way',
    (...returns) => {
      expect(sendAndWaitForReturns(pair, returns).missed).toEqual(['delivered']);
    },
  );
});

// As docs/shared-memory-layout.md allows it to who has no atomic exchange.
describe('a receiver that takes the parked word back with a plain store', () => {
  const deliveries: Pair = ['full', 'full'];

  test.each(SOUND)('wakes its sender always if it rings after a barrier (%s, %s)', (...returns) => {
    const wake = wakeByStore(BARRIERS.full);
    expect(sendAndWaitForReturns(deliveries, returns, wake)).toEqual(ALL_END);
  });

  test('can undo that the sender has parked anew if it rings without', () => {
    const wake = wakeByStore(BARRIERS.nothing);
    const { missed } = sendAndWaitForReturns(deliveries, ['full', 'full'], wake);
    expect(missed).toEqual(['returned']);
  });
});
