import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { nodeChildOptions } from '@pageferry/linux';
import type { Errand } from '../peers/lasting.js';
import type { Stage } from './stage.js';

const PROGRAM = fileURLToPath(new URL('../peers/lasting.js', import.meta.url));

/** Starts a program that opens something and has nothing else to do. */
export async function startErrand(stage: Stage, errand: Errand) {
  const { moduleUrl, exportName } = stage.subject;
  const words = [PROGRAM, moduleUrl, exportName, JSON.stringify(errand)];
  const child = spawn(process.execPath, words, {
    env: nodeChildOptions().env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  stage.defer(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
  return {
    child,
    line: (line as string).trim(),
    /** The exit code; `null` if it had to be killed. */
    code: ended.then(([code]) => code as number | null),
  };
}
