import { availableParallelism, cpus, release } from 'node:os';

/** What was measured on. Nothing in it names the machine. */
export interface Machine {
  readonly kernel: string;
  readonly node: string;
  readonly processor: string;
  /** How many of them this process may use. */
  readonly cores: number;
}

/** The machine that this process runs on. */
export function thisMachine(): Machine {
  return {
    kernel: release(),
    node: process.version,
    processor: cpus()[0]?.model.trim() || 'unknown',
    cores: availableParallelism(),
  };
}

/** The machine in one line. */
export function machineLine({ kernel, node, processor, cores }: Machine): string {
  return `${cores} cores of ${processor}, kernel ${kernel}, Node ${node}`;
}
