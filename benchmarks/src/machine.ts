import { cpus, release } from 'node:os';

/** What was measured on. */
export interface Machine {
  readonly kernel: string;
  readonly node: string;
  readonly processor: string;
  readonly cores: number;
}

/** The machine that this process runs on. */
export function thisMachine(): Machine {
  return {
    kernel: release(),
    node: process.version,
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
  };
}

/** The machine in one line. */
export function machineLine({ kernel, node, processor, cores }: Machine): string {
  return `${cores} cores of ${processor}, kernel ${kernel}, Node ${node}`;
}
