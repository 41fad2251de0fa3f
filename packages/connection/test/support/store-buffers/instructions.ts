/*
 * What a process of the model is made of. Each instruction that others can notice is one step; what happens
 * in registers alone takes no step of its own, because nobody can come in between.
 */

/** Reads a register of the process: 0 if nothing was put there. */
export type Registers = (name: string) => number;

/** Names a word of the memory that all share, or a doorbell; all are 0 in the beginning. */
export type Word = string;

/** An instruction that others can notice. */
export type SharedInstruction =
  | {
      readonly does: 'store';
      readonly word: Word;
      readonly value: (registers: Registers) => number;
    }
  | { readonly does: 'load'; readonly word: Word; readonly into: string }
  | {
      readonly does: 'exchange';
      readonly word: Word;
      readonly value: number;
      readonly into: string;
    }
  | { readonly does: 'fence' }
  | { readonly does: 'membarrier' }
  | { readonly does: 'ring'; readonly bell: Word }
  | { readonly does: 'sleep'; readonly bell: Word };

/** An instruction in registers alone. */
export type LocalInstruction =
  | {
      readonly does: 'set';
      readonly register: string;
      readonly value: (registers: Registers) => number;
    }
  | { readonly does: 'jump'; readonly by: number; readonly if: (registers: Registers) => boolean };

export type Instruction = SharedInstruction | LocalInstruction;

/** What a process does, from the first instruction to the last. It has ended after that one. */
export type Program = readonly Instruction[];

/** A plain store: it waits in the store buffer, and leaves it at any time. */
export function store(word: Word, value: (registers: Registers) => number): Program {
  return [{ does: 'store', word, value }];
}

/** A load: the process's own youngest store, if one waits, else what is in memory. */
export function load(word: Word, into: string): Program {
  return [{ does: 'load', word, into }];
}

/** A locked instruction: nothing is in the store buffer before it, or after it. */
export function exchange(word: Word, value: number, into: string): Program {
  return [{ does: 'exchange', word, value, into }];
}

/** A full barrier of the process's own (`mfence`, `Atomics.store`): its store buffer is empty after it. */
export const FENCE: Program = [{ does: 'fence' }];

/** membarrier(2), global and expedited: the others' store buffers, too, were empty at some time during it. */
export const MEMBARRIER: Program = [{ does: 'membarrier' }];

/** Rings a doorbell: write(2), which is taken for no barrier. */
export function ring(bell: Word): Program {
  return [{ does: 'ring', bell }];
}

/** Sleeps until the doorbell is rung, and silences it. */
export function sleep(bell: Word): Program {
  return [{ does: 'sleep', bell }];
}

/** Puts a number into a register. */
export function set(register: string, value: (registers: Registers) => number): Program {
  return [{ does: 'set', register, value }];
}

/** Runs `body` only if the condition holds. */
export function when(holds: (registers: Registers) => boolean, body: Program): Program {
  return [{ does: 'jump', by: body.length + 1, if: (registers) => !holds(registers) }, ...body];
}

/** Runs `body` for as long as the condition holds. */
export function loop(holds: (registers: Registers) => boolean, body: Program): Program {
  const back: Instruction = { does: 'jump', by: -body.length - 1, if: () => true };
  return when(holds, [...body, back]);
}
