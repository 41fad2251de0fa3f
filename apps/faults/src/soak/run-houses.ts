import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { BackendName } from '../backends.js';
import type { HouseSays, HouseTask, Summary } from './house.js';
import type { Sample } from './sample.js';

/** What is to be soaked, for how long. */
export interface Soak {
  readonly seed: number;
  readonly backends: readonly BackendName[];
  readonly milliseconds: number;
  /** Called with each sample, as it is taken. */
  readonly onSample: (backend: BackendName, sample: Sample) => void;
  /** Called with what is wrong, as soon as it is. */
  readonly onFault: (backend: BackendName, fault: string) => void;
}

/** What has come of a backend. */
export interface House {
  readonly backend: BackendName;
  readonly samples: readonly Sample[];
  /** Taken when all guests had left. */
  readonly evenings: readonly Sample[];
  readonly faults: readonly string[];
  /** `undefined` of one that has not come to its end. */
  readonly summary: Summary | undefined;
}

/** Soaks all backends at the same time, each in a process of its own. */
export function runHouses(soak: Soak): Promise<readonly House[]> {
  return Promise.all(soak.backends.map((backend) => runHouse(soak, backend)));
}

async function runHouse(soak: Soak, backend: BackendName): Promise<House> {
  const { seed, milliseconds } = soak;
  const task: HouseTask = { seed, backend, milliseconds };
  const samples: Sample[] = [];
  const evenings: Sample[] = [];
  const faults: string[] = [];
  let summary: Summary | undefined;
  const onFault = (fault: string): void => {
    faults.push(fault);
    soak.onFault(backend, fault);
  };
  const child = fork(new URL('house.js', import.meta.url), [JSON.stringify(task)], {
    execArgv: [],
  });
  child.on('message', (says: HouseSays) => {
    if ('fault' in says) onFault(says.fault);
    else if ('summary' in says) summary = says.summary;
    else {
      samples.push(says.sample);
      if (says.isEvening) evenings.push(says.sample);
      soak.onSample(backend, says.sample);
    }
  });
  const [code, signal] = await once(child, 'exit');
  if (code !== 0 || summary === undefined) onFault(`its process has ended with ${signal ?? code}`);
  return { backend, samples, evenings, faults, summary };
}
