import type { Instruction, LocalInstruction, Program, Registers, Word } from './instructions.js';

/** How far a process has come. */
export interface ProcessState {
  /** Which instruction is next. */
  readonly at: number;
  readonly registers: Readonly<Record<string, number>>;
  /** Its stores that nobody else sees yet, oldest first. */
  readonly buffer: readonly (readonly [word: Word, value: number])[];
  /** Which other processes the membarrier that it is in has interrupted. */
  readonly interrupted: readonly number[];
}

/** Everything there is at one moment: memory, doorbells, processes. */
export interface MachineState {
  readonly words: Readonly<Record<Word, number>>;
  readonly processes: readonly ProcessState[];
}

/**
 * Processes on processors with store buffers, as x86-64 has them: stores leave the buffer in their order,
 * each at any time, and loads are made in theirs (x86-TSO: Sewell and others, "x86-TSO: a rigorous and usable
 * programmer's model for x86 multiprocessors", 2010).
 */
export class Machine {
  readonly #programs: readonly Program[];
  readonly start: MachineState;

  constructor(words: readonly Word[], programs: readonly Program[]) {
    this.#programs = programs;
    this.start = {
      words: Object.fromEntries(words.map((word) => [word, 0])),
      processes: programs.map((_, index) =>
        this.#settled(index, { at: 0, registers: {}, buffer: [], interrupted: [] }),
      ),
    };
  }

  /** What can be next: a step of a process, or a store that leaves its buffer. Nothing in a final state. */
  successors(state: MachineState): MachineState[] {
    return state.processes.flatMap((process, index) => {
      const instruction = this.#programs[index]?.[process.at];
      const steps = instruction === undefined ? [] : this.#step(state, index, instruction);
      return process.buffer.length === 0 ? steps : [...steps, drained(state, index, 1)];
    });
  }

  /** Whether a process has come to the end of its program. */
  hasEnded(state: MachineState, index: number): boolean {
    return state.processes[index]?.at === this.#programs[index]?.length;
  }

  /** The states after an instruction of a process; none while it has to wait. */
  #step(state: MachineState, index: number, instruction: Instruction): MachineState[] {
    const process = state.processes[index] as ProcessState;
    const { registers, buffer } = process;
    const { words } = state;
    const next = (change: Partial<ProcessState>, changedWords = words): MachineState[] => {
      const moved = this.#settled(index, { ...process, at: process.at + 1, ...change });
      return [{ words: changedWords, processes: state.processes.with(index, moved) }];
    };
    const got = (into: string, value: number) => ({ registers: { ...registers, [into]: value } });

    switch (instruction.does) {
      case 'store': {
        const value = instruction.value(reader(registers));
        return next({ buffer: [...buffer, [instruction.word, value]] });
      }
      case 'load': {
        const own = buffer.findLast(([word]) => word === instruction.word);
        return next(got(instruction.into, own?.[1] ?? (words[instruction.word] as number)));
      }
      case 'exchange': {
        if (buffer.length > 0) return [];
        const { word, value, into } = instruction;
        return next(got(into, words[word] as number), { ...words, [word]: value });
      }
      case 'fence':
        return buffer.length > 0 ? [] : next({});
      case 'membarrier':
        // Nothing is promised of when it interrupts whom, but that it has returned only after all of them.
        if (buffer.length > 0) return [];
        if (process.interrupted.length === state.processes.length - 1)
          return next({ interrupted: [] });
        return state.processes.flatMap((_, other) =>
          other === index || process.interrupted.includes(other)
            ? []
            : [interrupted(state, index, other)],
        );
      case 'ring':
        return next({}, { ...words, [instruction.bell]: 1 });
      case 'sleep':
        return words[instruction.bell] === 0 ? [] : next({}, { ...words, [instruction.bell]: 0 });
      default:
        throw new Error(`${instruction.does} is no step`);
    }
  }

  /** The process after what it does in its registers alone, before the next step. */
  #settled(index: number, process: ProcessState): ProcessState {
    const { at, registers } = process;
    const instruction = this.#programs[index]?.[at];
    if (instruction?.does !== 'set' && instruction?.does !== 'jump') return process;
    return this.#settled(index, { ...process, ...afterLocal(instruction, at, registers) });
  }
}

function afterLocal(
  instruction: LocalInstruction,
  at: number,
  registers: ProcessState['registers'],
): Partial<ProcessState> {
  if (instruction.does === 'jump')
    return { at: instruction.if(reader(registers)) ? at + instruction.by : at + 1 };
  const value = instruction.value(reader(registers));
  return { at: at + 1, registers: { ...registers, [instruction.register]: value } };
}

/** The state after the oldest `count` stores of a process have reached memory. */
function drained(state: MachineState, index: number, count: number): MachineState {
  const process = state.processes[index] as ProcessState;
  const written = Object.fromEntries(process.buffer.slice(0, count));
  return {
    words: { ...state.words, ...written },
    processes: state.processes.with(index, { ...process, buffer: process.buffer.slice(count) }),
  };
}

/** The state after the membarrier of process `index` has interrupted process `other`. */
function interrupted(state: MachineState, index: number, other: number): MachineState {
  const { words, processes } = drained(state, other, Number.POSITIVE_INFINITY);
  const process = processes[index] as ProcessState;
  const all = [...process.interrupted, other].sort();
  return { words, processes: processes.with(index, { ...process, interrupted: all }) };
}

function reader(registers: ProcessState['registers']): Registers {
  return (name) => registers[name] ?? 0;
}
