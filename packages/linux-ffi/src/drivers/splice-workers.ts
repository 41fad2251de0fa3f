import { Worker } from 'node:worker_threads';
import { EAGAIN, EIO, fileOfPackage } from '@pageferry/linux';

/** What a worker is asked to do. */
export interface SpliceRequest {
  readonly from: number;
  readonly to: number;
  readonly length: number;
  readonly flags: number;
}

interface Job {
  readonly request: SpliceRequest;
  readonly resolve: (result: number) => void;
}

/** As many as libuv's pool has threads, unless told otherwise. */
const MAX_WORKERS = 4;

/**
 * splice(2) on other threads where the foreign function interface cannot call anything there itself:
 * worker threads, started when they are first needed, and kept. They do not keep the process alive
 * while they have nothing to do.
 */
export class SpliceWorkers {
  readonly #idle: Worker[] = [];
  readonly #waiting: Job[] = [];
  readonly #program: string;
  #count = 0;

  /** @throws if their program is not there: it is one more file, which a bundle does not have. */
  constructor() {
    const program = fileOfPackage(
      '@pageferry/linux-ffi',
      `${import.meta.dirname}/splice-worker.js`,
    );
    if (program === undefined) {
      throw new Error(
        'the package was bundled without splice-worker.js: leave @pageferry/linux-ffi out of the bundle ("external")',
      );
    }
    this.#program = program;
  }

  /** Resolves to the result, or `-errno`. */
  splice(from: number, to: number, length: number, flags: number): Promise<number> {
    return new Promise((resolve) => {
      this.#waiting.push({ request: { from, to, length, flags }, resolve });
      this.#startMore();
    });
  }

  #startMore(): void {
    while (this.#waiting.length > 0) {
      const worker = this.#idle.pop() ?? this.#startWorker();
      if (worker === undefined) return;
      const job = this.#waiting.shift() as Job;
      if (worker === 'failed') job.resolve(-EAGAIN);
      else this.#give(worker, job);
    }
  }

  /** `undefined` if there are as many as there may be; `'failed'` if there is no room for a thread. */
  #startWorker(): Worker | 'failed' | undefined {
    if (this.#count === MAX_WORKERS) return undefined;
    try {
      const worker = new Worker(this.#program);
      this.#count++;
      worker.once('exit', () => {
        this.#count--;
        const at = this.#idle.indexOf(worker);
        if (at >= 0) this.#idle.splice(at, 1);
      });
      // Without a listener it would end the process; what follows from it, 'exit' tells.
      worker.on('error', () => {});
      return worker;
    } catch {
      return this.#count > 0 ? undefined : 'failed';
    }
  }

  #give(worker: Worker, { request, resolve }: Job): void {
    const settle = (result: number): void => {
      worker.removeListener('message', onMessage);
      worker.removeListener('exit', onExit);
      resolve(result);
      this.#startMore();
    };
    const onMessage = (result: number): void => {
      worker.unref();
      this.#idle.push(worker);
      settle(result);
    };
    // It may have moved some of it: nobody knows, so that it must not be taken for a reason to repeat.
    const onExit = (): void => settle(-EIO);
    worker.once('message', onMessage);
    worker.once('exit', onExit);
    worker.ref();
    worker.postMessage(request);
  }
}
