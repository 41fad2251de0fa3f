/** Makes a few calls of every kind through the addon that PAGEFERRY_LINUX_NAPI_ADDON names. */
import assert from 'node:assert/strict';
import { loadLinuxCalls } from '../dist/index.js';

const calls = loadLinuxCalls();
const ends = new Int32Array(2);
assert.equal(calls.pipe2(ends, 0), 0);
const [readEnd, writeEnd] = ends;
const text = new TextEncoder().encode('as it was');
assert.equal(calls.write(writeEnd, text, 0, text.length), text.length);
const back = new Uint8Array(text.length);
assert.equal(await calls.spliceOnThread(-1, writeEnd, 1, 0), -9);
assert.equal(calls.read(readEnd, back, 0, back.length), text.length);
assert.deepEqual(back, text);

const memory = calls.memfdCreate('smoke', 0);
assert.equal(calls.ftruncate(memory, calls.pageSize()), 0);
const mapped = calls.mmap(calls.pageSize(), 3, 1, memory, 0);
new Uint8Array(mapped).set(text);
const alias = calls.alias(mapped, 0, text.length);
assert.deepEqual(new Uint8Array(alias), text);
assert.equal(calls.munmap(mapped), 0);
assert.equal(mapped.byteLength, 0);

await new Promise((resolve) => {
  const watcher = calls.watch(readEnd, 1, () => {
    watcher.close();
    resolve();
  });
  assert.equal(calls.write(writeEnd, text, 0, 1), 1);
});
for (const fd of [readEnd, writeEnd, memory]) assert.equal(calls.close(fd), 0);
console.log(`${process.arch}, Node ${process.versions.node}: calls work`);
