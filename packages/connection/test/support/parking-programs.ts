import {
  exchange,
  FENCE,
  load,
  loop,
  MEMBARRIER,
  type Program,
  type Registers,
  ring,
  set,
  sleep,
  store,
  type Word,
  when,
} from './store-buffers/instructions.js';

/** What can lie between a store and the load after it. */
export const BARRIERS = { nothing: [], full: FENCE, membarrier: MEMBARRIER } as const;

/** Somebody who waits for news, and may sleep meanwhile. */
export interface Waiter {
  /** The counter that is published to it. */
  readonly news: Word;
  readonly parked: Word;
  readonly bell: Word;
  /** The register in which it counts what it has taken. */
  readonly taken: string;
}

/** Runs `body`, which counts in a register, until that register says `times`. */
export function untilCounted(times: number, register: string, body: Program): Program {
  return loop((registers) => registers(register) < times, body);
}

/** Publishes one more, as a register counts them, and wakes those of its waiters who are parked. */
export function publish(
  count: string,
  barrier: Program,
  waiters: readonly Waiter[],
  wake = wakeByExchange,
): Program {
  const counters = new Set(waiters.map(({ news }) => news));
  return [
    ...set(count, (registers) => registers(count) + 1),
    ...[...counters].flatMap((news) => store(news, (registers) => registers(count))),
    ...barrier,
    ...waiters.flatMap((waiter) => [
      ...load(waiter.parked, 'parked'),
      ...when(isParked, wake(waiter)),
    ]),
  ];
}

function isParked(registers: Registers): boolean {
  return registers('parked') !== 0;
}

/** Takes the parked word back, and rings if it was the one to do so. */
export function wakeByExchange({ parked, bell }: Waiter): Program {
  return [...exchange(parked, 0, 'parked'), ...when(isParked, ring(bell))];
}

/** Takes the parked word back without an atomic exchange, and rings. */
export function wakeByStore(barrier: Program): typeof wakeByExchange {
  return ({ parked, bell }) => [...store(parked, () => 0), ...barrier, ...ring(bell)];
}

/** Waits until there is more than was taken, and takes one. Parks, again and again, while there is not. */
export function take({ news, parked, bell, taken }: Waiter, barrier: Program): Program {
  const look = load(news, 'seen');
  const isNothingNew = (registers: Registers) => registers('seen') === registers(taken);
  return [
    ...look,
    ...loop(isNothingNew, [
      ...store(parked, () => 1),
      ...barrier,
      ...look,
      ...when(isNothingNew, [...sleep(bell), ...look]),
    ]),
    ...set(taken, (registers) => registers(taken) + 1),
  ];
}
