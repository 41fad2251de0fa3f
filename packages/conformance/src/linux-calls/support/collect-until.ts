import { turns } from './event-loop.js';

/** Collects garbage again and again until a job is done. Needs `--expose-gc`. */
export async function collectUntil<T>(job: Promise<T>): Promise<T> {
  let done = false;
  job.finally(() => {
    done = true;
  });
  while (!done) {
    globalThis.gc?.();
    await turns(1);
  }
  return job;
}
