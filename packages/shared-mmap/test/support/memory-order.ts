/*
 * Every outcome of some processes that load and store shared words, on processors that reorder: x86-64, whose stores
 * wait while later loads are made, and ARMv8, which keeps only the order that instructions ask for. Both have one
 * memory: who sees a store of another process sees it when everybody else does. So each outcome is that of the accesses
 * in some order, one after the other, in which those of one process come in any order that its processor allows.
 *
 * Which order that is: Intel SDM, volume 3, section 9.2.2; Arm Architecture Reference Manual, section B2.3 ("ordered
 * before"); Pulte and others, "Simplifying ARM concurrency", 2018. There are no branches here: a load may be made before
 * the branch that it comes after is decided, as on both processors. What a program would do with what it has loaded is
 * asked of the outcome. A store that comes after a branch names the load that decides it, and is made after that.
 */

/** A word of memory, 0 at first. */
type Word = string;

/** How much order an access asks for: on ARM `ldr` and `str`, `ldar`, `stlr`; and a barrier (`dmb ish`, `mfence`). */
type Order = 'plain' | 'acquire' | 'release';

/** One access of a process to memory, or its barrier. Loads put what they find into `into`. */
export type Access = {
  readonly order: Order;
  /** What has to be loaded before, because a branch depends on it; and what it has to be for the access to be made. */
  readonly only?: { readonly if: string; readonly is: number };
} & (
  | { readonly does: 'load'; readonly word: Word; readonly into: string }
  | { readonly does: 'store'; readonly word: Word; readonly value: number }
  /** In one step: stores `value` if `expected` is there. On x86-64 a locked instruction. */
  | {
      readonly does: 'compareExchange';
      readonly word: Word;
      readonly expected: number;
      readonly value: number;
      readonly into: string;
    }
  | { readonly does: 'barrier' }
);

/** What has been loaded, in the end. */
export type Outcome = Readonly<Record<string, number>>;

export type Processor = 'x86-64' | 'ARMv8';

/** `Atomics.load`: `mov` on x86-64, `ldar` on ARM. */
export function atomicLoad(word: Word, into: string): Access {
  return { does: 'load', word, into, order: 'acquire' };
}

/** `Atomics.store` on ARM: `stlr`. */
export function atomicStore(word: Word, value: number): Access {
  return { does: 'store', word, value, order: 'release' };
}

/** `Atomics.compareExchange`. */
export function atomicCompareExchange(
  word: Word,
  expected: number,
  value: number,
  into: string,
): Access {
  return { does: 'compareExchange', word, expected, value, into, order: 'acquire' };
}

/** A plain load. */
export function load(word: Word, into: string): Access {
  return { does: 'load', word, into, order: 'plain' };
}

/** A plain store. */
export function store(word: Word, value: number): Access {
  return { does: 'store', word, value, order: 'plain' };
}

/** The same accesses behind a branch: they are made only if `is` was loaded into `register`. */
export function onlyIf(register: string, is: number, ...accesses: readonly Access[]): Access[] {
  return accesses.map((access) => ({ ...access, only: { if: register, is } }));
}

export const BARRIER: Access = { does: 'barrier', order: 'plain' };

interface State {
  readonly words: Readonly<Record<Word, number>>;
  readonly registers: Outcome;
  /** Which accesses of each process are still to come. */
  readonly left: readonly (readonly number[])[];
}

/** All outcomes there can be, without doubles. */
export function outcomes(processor: Processor, ...programs: readonly Access[][]): Outcome[] {
  const isOrdered = processor === 'ARMv8' ? isOrderedOnArm : isOrderedOnX86;
  const start: State = {
    words: {},
    registers: {},
    left: programs.map((program) => [...program.keys()]),
  };
  const seen = new Set<string>();
  const found = new Map<string, Outcome>();
  const waiting = [start];
  for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
    const key = textOf(state);
    if (seen.has(key)) continue;
    seen.add(key);
    const { left, registers } = state;
    if (left.every(({ length }) => length === 0)) found.set(textOf(registers), registers);
    for (const [process, program] of programs.entries()) {
      const rest = left[process] ?? [];
      for (const [index, at] of rest.entries()) {
        const access = program[at] as Access;
        const earlier = rest.slice(0, index).map((each) => program[each] as Access);
        const own = ownStore(earlier, access);
        const waits = earlier.some((each) => each !== own && isOrdered(each, access));
        const comesFirst = own !== undefined && !canForward(own, access);
        if (waits || comesFirst) continue;
        const next = own ? forwarded(state, own, access) : performed(state, access);
        waiting.push({ ...next, left: left.with(process, rest.toSpliced(index, 1)) });
      }
    }
  }
  return [...found.values()];
}

/** The youngest earlier store to the same word, which is not in memory yet. */
function ownStore(earlier: readonly Access[], access: Access): Access | undefined {
  if (access.does !== 'load') return undefined;
  return earlier.findLast((each) => each.does === 'store' && each.word === access.word);
}

/** A load gets the value of its process's own store while that still waits; but `ldar` does not get that of `stlr`. */
function canForward(own: Access, access: Access): boolean {
  return !(own.order === 'release' && access.order === 'acquire');
}

/** Whether `first` has to be made before `second`, which comes later in the program. */
function isOrderedOnArm(first: Access, second: Access): boolean {
  if (first.does === 'barrier' || second.does === 'barrier') return true;
  if (first.order === 'acquire' || second.order === 'release') return true;
  if (first.order === 'release' && second.order === 'acquire') return true;
  if (isDecidedBy(second, first)) return true;
  return first.word === second.word;
}

/** Stores are not made before a branch is decided; loads may be, but here all that is conditional is stores. */
function isDecidedBy({ only }: Access, first: Access): boolean {
  return only !== undefined && 'into' in first && first.into === only.if;
}

function isOrderedOnX86(first: Access, second: Access): boolean {
  return !(first.does === 'store' && second.does === 'load' && first.word !== second.word);
}

function performed(state: State, access: Access): State {
  const { words, registers } = state;
  const { only } = access;
  const isSkipped = only !== undefined && registers[only.if] !== only.is;
  if (access.does === 'barrier' || isSkipped) return state;
  const before = words[access.word] ?? 0;
  const after = { ...registers, ...('into' in access && { [access.into]: before }) };
  const isStored =
    access.does === 'store' || (access.does === 'compareExchange' && before === access.expected);
  if (!isStored) return { ...state, registers: after };
  return { ...state, registers: after, words: { ...words, [access.word]: access.value } };
}

function forwarded(state: State, own: Access, access: Access): State {
  if (own.does !== 'store' || access.does !== 'load') return state;
  return { ...state, registers: { ...state.registers, [access.into]: own.value } };
}

/** The same for the same content, in whatever order it came about. */
function textOf(value: object): string {
  return JSON.stringify(value, (_, each) =>
    each !== null && typeof each === 'object' && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}
