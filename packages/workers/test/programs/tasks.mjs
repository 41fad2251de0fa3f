// The functions that the tests of pools have their workers run.
import { existsSync, writeFileSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { shared } from '@pageferry/messages';
import { parentPort } from '@pageferry/workers';

/** @typedef {import('@pageferry/workers').TaskContext} TaskContext */

/** Which worker it is: no two that live at once have the same. */
const self = () => (threadId === 0 ? process.pid : threadId);

export default function double(/** @type {Float64Array} */ numbers) {
  return numbers.map((each) => 2 * each);
}

export const whoAmI = self;
export const nothing = () => undefined;
export const echo = (/** @type {unknown} */ value) => value;
export const flags = () => ({
  execArgv: process.execArgv,
  args: process.argv.slice(2),
  env: process.env['POOL_TEST'],
});

/** Runs until it is told to end; that it was, a file says. */
export async function untilAborted(
  /** @type {{ begun: string, told: string }} */ { begun, told },
  /** @type {TaskContext} */ { signal },
) {
  writeFileSync(begun, '');
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  writeFileSync(told, '');
}

/** Ends its worker when a file is there. */
export async function exitWhen(/** @type {{ end: string, code: number }} */ { end, code }) {
  while (!existsSync(end)) await new Promise((resolve) => setTimeout(resolve, 1));
  process.exit(code);
}

/** Looks at its signal for the first time when a file is there; what it saw, another one says. */
export async function lateLook(
  /** @type {{ begun: string, end: string, told: string }} */ { begun, end, told },
  /** @type {TaskContext} */ context,
) {
  writeFileSync(begun, '');
  while (!existsSync(end)) await new Promise((resolve) => setTimeout(resolve, 1));
  // Who hands it on may spread it.
  const { name, ...rest } = { ...context };
  writeFileSync(told, `${name} ${rest.signal.aborted}`);
}

/** Neither ends nor listens. */
export function forEver(/** @type {{ begun: string }} */ { begun }) {
  writeFileSync(begun, '');
  return new Promise(() => undefined);
}

/** Not even the event loop turns. */
export function spin(/** @type {{ begun: string }} */ { begun }) {
  writeFileSync(begun, '');
  for (;;);
}

/** Ends when a file is there. */
export async function until(/** @type {{ begun: string, end: string }} */ { begun, end }) {
  writeFileSync(begun, '');
  while (!existsSync(end)) await new Promise((resolve) => setTimeout(resolve, 1));
  return 'ended';
}

export function fail(/** @type {string} */ message) {
  throw Object.assign(new RangeError(message), { code: 'E_TASK', details: { depth: 2 } });
}

export function failOddly() {
  throw 'a word';
}

export function failAsDead() {
  throw Object.assign(new Error('not me'), { name: 'PageferryError', code: 'PEER_DIED' });
}

export const uncloneable = () => ({ list: [() => undefined] });

export const exit = (/** @type {number} */ code) => process.exit(code);
export const kill = () => process.kill(process.pid, 'SIGKILL');

/** Ends the worker that is asked first, and answers in the next one. */
export function exitOnce(/** @type {{ file: string }} */ { file }) {
  if (wasHere(file)) return `done by ${self()}`;
  process.exit(9);
}

function wasHere(/** @type {string} */ file) {
  if (existsSync(file)) return true;
  writeFileSync(file, '');
  return false;
}

export function throwBeside() {
  setImmediate(() => {
    throw new TypeError('thrown beside the task');
  });
  return new Promise(() => undefined);
}

/** What a thread throws reaches the thread that has started it as a clone. */
export function throwOddlyBeside() {
  setImmediate(() => {
    throw { message: { toString: 1 } };
  });
  return new Promise(() => undefined);
}

/** What the pool's program says to the pool goes the same way. */
export async function say(/** @type {unknown[]} */ words) {
  const port = await parentPort();
  for (const word of words) await port.send(word);
  return 'said';
}

/** @type {unknown[]} */
const kept = [];

export function grow(/** @type {number} */ bytes) {
  kept.push(Buffer.alloc(bytes, 1));
  return self();
}

export function fillTheHeap() {
  const all = [];
  for (;;) all.push(new Array(1e5).fill(0).map((_, index) => ({ index })));
}

export async function invert(
  /** @type {Uint8Array} */ pixels,
  /** @type {TaskContext} */ { compose },
) {
  const answer = await compose(shared(Uint8Array, pixels.length));
  for (let index = 0; index < pixels.length; index++)
    answer.value[index] = 255 - (pixels[index] ?? 0);
  return answer;
}

export const sum = (/** @type {Uint8Array} */ bytes) =>
  bytes.reduce((total, each) => total + each, 0);

/** To write into a task in place ends the worker. */
export function scribble(/** @type {Uint8Array} */ bytes) {
  bytes[0] = 1;
  return 'still here';
}

/** Closes its channel, and never ends by itself. Of what comes after this not even the timers are called. */
export async function hangUp(/** @type {'close' | 'destroy'} */ how) {
  process.on('exit', () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
  const port = await parentPort();
  await port[how]();
  return new Promise(() => undefined);
}

/** As {@link hangUp}, once a file is there; the task is over before. */
export function hangUpLater(
  /** @type {{ how: 'close' | 'destroy', when: string }} */ { how, when },
) {
  const timer = setInterval(() => {
    if (!existsSync(when)) return;
    clearInterval(timer);
    void hangUp(how);
  }, 1);
}

/** Closes its channel, and exits a little later. */
export async function hangUpAndExit(
  /** @type {{ how: 'close' | 'destroy', code: number }} */ { how, code },
) {
  process.on('exit', () => {
    process.exitCode = code;
  });
  const port = await parentPort();
  await port[how]();
  return new Promise(() => undefined);
}
