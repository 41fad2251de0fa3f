import { parentPort, workerData } from 'node:worker_threads';
import {
  type DescriptorWatcher,
  type LinuxCalls,
  MAP_SHARED,
  POLLIN,
  PROT_READ,
} from '@pageferry/linux';
import { NAME_PREFIX } from '../support/names.js';
import { loadBinding, type Scenario, succeed } from './peer-program.js';

/** What a worker thread of the suite is started with. */
interface Task {
  readonly moduleUrl: string;
  readonly scenario: string;
  /** They belong to the main thread: what a terminated thread had opened would stay open. */
  readonly descriptors: readonly number[];
}

const { moduleUrl, scenario, descriptors } = workerData as Task;
const [descriptor = -1] = descriptors;

function watch(calls: LinuxCalls, fd: number, callback: () => void): DescriptorWatcher {
  const watcher = calls.watch(fd, POLLIN, callback);
  if (typeof watcher === 'number') throw new Error(`watch answered ${watcher}`);
  return watcher;
}

function watchAll(calls: LinuxCalls): DescriptorWatcher[] {
  return descriptors.map((fd) => watch(calls, fd, () => {}));
}

/** Maps the same page several times. */
function mapMemory(calls: LinuxCalls, count: number): (ArrayBuffer | number)[] {
  const page = calls.pageSize();
  const fd = succeed(calls.memfdCreate(`${NAME_PREFIX}-in-worker`, 0));
  succeed(calls.ftruncate(fd, page));
  const mapped = Array.from({ length: count }, () =>
    calls.mmap(page, PROT_READ, MAP_SHARED, fd, 0),
  );
  calls.close(fd);
  return mapped;
}

/** Keeps the thread alive until it is terminated, and what it is given too. */
function stay(...kept: readonly unknown[]): void {
  parentPort?.on('message', () => kept);
}

const scenarios: Readonly<Record<string, Scenario>> = {
  'watch-and-answer': (calls) => {
    const bytes = new Uint8Array(1);
    watch(calls, descriptor, () => {
      calls.read(descriptor, bytes, 0, 1);
      parentPort?.postMessage(bytes[0]);
    });
  },
  'watch-all': (calls) => {
    watchAll(calls);
  },
  'spin-in-callback': (calls) => {
    watch(calls, descriptor, () => {
      parentPort?.postMessage('spinning');
      for (;;);
    });
  },
  'end-while-watching': (calls) => {
    for (const watcher of watchAll(calls)) watcher.unref();
  },
  'write-on-thread': (calls) => {
    void calls.writeOnThread(descriptor, Uint8Array.of(1), 0, 1);
  },
  'close-at-end': (calls) => {
    const kept = succeed(calls.duplicate(descriptor, 0));
    const takenBack = succeed(calls.duplicate(descriptor, 0));
    const closed = succeed(calls.duplicate(descriptor, 0));
    for (const fd of [kept, takenBack, closed]) succeed(calls.closeAtThreadEnd(fd, true));
    succeed(calls.closeAtThreadEnd(takenBack, false));
    succeed(calls.close(closed));
    stay();
    return { kept, takenBack, closed };
  },
  map: (calls) => {
    stay(mapMemory(calls, 3));
  },
  alias: (calls) => {
    const [mapping] = mapMemory(calls, 1);
    if (typeof mapping !== 'object') throw new Error(`mmap answered ${mapping}`);
    const alias = () => calls.alias(mapping, 0, 100) as ArrayBuffer;
    succeed(calls.detach(alias()));
    stay(mapping, [alias(), alias()]);
  },
};

const answer: unknown = await scenarios[scenario]?.(await loadBinding(moduleUrl));
parentPort?.postMessage({ answer });
