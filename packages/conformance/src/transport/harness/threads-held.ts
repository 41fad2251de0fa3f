import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Stage } from './stage.js';

const { UV_THREADPOOL_SIZE = '4' } = process.env;

/**
 * Has every thread of libuv's pool wait, each for the other end of a pipe: what goes there next is under
 * way until they are let go, which is after the test at the latest.
 */
export function holdThreads(stage: Stage): () => Promise<void> {
  const path = stage.path('hold');
  execFileSync('mkfifo', ['-m', '600', path]);
  const opening = Array.from({ length: Number(UV_THREADPOOL_SIZE) }, () => open(path, 'r'));
  const end = async (): Promise<void> => {
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const files = await Promise.all(opening);
    closeSync(fd);
    await Promise.all(files.map((file) => file.close()));
  };
  let ending: Promise<void> | undefined;
  const letGo = (): Promise<void> => {
    ending ??= end();
    return ending;
  };
  stage.defer(letGo);
  return letGo;
}
