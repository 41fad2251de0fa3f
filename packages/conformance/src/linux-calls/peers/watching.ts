import assert from 'node:assert/strict';
import {
  type DescriptorWatcher,
  type LinuxCalls,
  POLLIN,
  type WatchCallback,
} from '@pageferry/linux';
import { hangUp, runScenario, succeed, tell } from './peer-program.js';

/** The code with which a scenario shows that it came as far as it should. */
const REACHED_THE_END = 7;

function makePipe(calls: LinuxCalls): readonly [readEnd: number, writeEnd: number] {
  const ends = new Int32Array(2);
  succeed(calls.pipe2(ends, 0));
  return [ends[0] ?? -1, ends[1] ?? -1];
}

function watch(calls: LinuxCalls, fd: number, callback: WatchCallback): DescriptorWatcher {
  const watcher = calls.watch(fd, POLLIN, callback);
  assert.ok(typeof watcher === 'object');
  return watcher;
}

function put(calls: LinuxCalls, fd: number): void {
  succeed(calls.write(fd, Uint8Array.of(1), 0, 1));
}

/** Nothing but a watcher that was unreferenced and referenced again holds the process. */
async function stayUntilReadable(calls: LinuxCalls): Promise<void> {
  const [readEnd, writeEnd] = makePipe(calls);
  const watcher = watch(calls, readEnd, () => {
    watcher.close();
    void tell('still here').then(hangUp);
  });
  watcher.unref();
  watcher.ref();
  // Unreferenced itself, this writes only if something else keeps the process alive.
  setTimeout(() => put(calls, writeEnd), 20).unref();
  process.channel?.unref();
}

function unreferenced(calls: LinuxCalls): void {
  watch(calls, makePipe(calls)[0], () => {}).unref();
  process.exitCode = REACHED_THE_END;
  hangUp();
}

function paused(calls: LinuxCalls): void {
  watch(calls, makePipe(calls)[0], () => {}).update(0);
  process.exitCode = REACHED_THE_END;
  hangUp();
}

function exitWhileWatching(calls: LinuxCalls): void {
  for (let index = 0; index < 50; index++) {
    const [readEnd, writeEnd] = makePipe(calls);
    watch(calls, readEnd, () => {});
    put(calls, writeEnd);
  }
  setImmediate(() => process.exit(REACHED_THE_END));
}

function exitInCallback(calls: LinuxCalls): void {
  const [readEnd, writeEnd] = makePipe(calls);
  watch(calls, readEnd, () => process.exit(REACHED_THE_END));
  put(calls, writeEnd);
}

function throwAndGoOn(calls: LinuxCalls): void {
  const messages: string[] = [];
  const names = ['first', 'second'];
  const [readEnd, writeEnd] = makePipe(calls);
  const watcher = watch(calls, readEnd, () => {
    throw new Error(names.shift());
  });
  process.on('uncaughtException', (error) => {
    messages.push(error.message);
    if (names.length > 0) return;
    watcher.close();
    void tell(messages).then(hangUp);
  });
  put(calls, writeEnd);
}

function throwUncaught(calls: LinuxCalls): void {
  const [readEnd, writeEnd] = makePipe(calls);
  watch(calls, readEnd, () => {
    throw new Error('thrown in a callback');
  });
  put(calls, writeEnd);
}

/** Collects garbage while the only reference to the watcher is the event loop's. */
function forgotten(calls: LinuxCalls): void {
  const [readEnd, writeEnd] = makePipe(calls);
  watch(calls, readEnd, () => process.exit(REACHED_THE_END));
  setImmediate(() => {
    globalThis.gc?.();
    setImmediate(() => {
      globalThis.gc?.();
      put(calls, writeEnd);
    });
  });
}

await runScenario({
  'stay-until-readable': stayUntilReadable,
  unreferenced,
  paused,
  'exit-while-watching': exitWhileWatching,
  'exit-in-callback': exitInCallback,
  'throw-and-go-on': throwAndGoOn,
  'throw-uncaught': throwUncaught,
  forgotten,
});
