import { Worker } from 'node:worker_threads';

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
  #count = 0;

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
      this.#give(worker, this.#waiting.shift() as Job);
    }
  }

  #startWorker(): Worker | undefined {
    if (this.#count === MAX_WORKERS) return undefined;
    this.#count++;
    return new Worker(new URL('./splice-worker.js', import.meta.url));
  }

  #give(worker: Worker, { request, resolve }: Job): void {
    worker.ref();
    worker.once('message', (result: number) => {
      worker.unref();
      this.#idle.push(worker);
      resolve(result);
      this.#startMore();
    });
    worker.postMessage(request);
  }
}
