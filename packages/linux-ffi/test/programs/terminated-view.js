/**
 * A worker thread that asks for a buffer when it is terminated already, and no JavaScript has noticed yet.
 *
 * V8 notices at the next function call or turn of a loop. What it has compiled into one piece of machine
 * code has none of either in between, so the loop below runs until that is so, and ends the thread then.
 */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker } from 'node:worker_threads';
import { KoffiDriver } from '../../dist/drivers/koffi-driver.js';

const ROUNDS_UNTIL_COMPILED = 100_000;

if (isMainThread) {
  const thread = new Worker(fileURLToPath(import.meta.url));
  const [code] = await once(thread, 'exit');
  process.exitCode = code;
} else {
  const driver = new KoffiDriver();
  const address = driver.addressOf(new ArrayBuffer(4096));
  const { reallyExit } = /** @type {{ reallyExit: (code: number) => void }} */ (
    /** @type {unknown} */ (process)
  );
  // Several native functions, so that the call is compiled for any.
  const functions = [Math.abs, Math.ceil, Math.floor, Math.sqrt, Math.round, Math.trunc];
  functions.push(/** @type {(value: number) => number} */ (/** @type {unknown} */ (reallyExit)));
  for (let round = 0; ; round++) {
    functions[round === ROUNDS_UNTIL_COMPILED ? 6 : round % 6]?.(7);
    driver.view(address, 4096);
  }
}
