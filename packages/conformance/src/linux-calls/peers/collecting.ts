import assert from 'node:assert/strict';
import { type LinuxCalls, MAP_SHARED, PROT_READ, PROT_WRITE } from '@pageferry/linux';
import { turns } from '../support/event-loop.js';
import { NAME_PREFIX } from '../support/names.js';
import { mappedRanges } from '../support/process-state.js';
import { hangUp, runScenario, succeed } from './peer-program.js';

const NAME = `${NAME_PREFIX}-collected`;
const MANY_TURNS = 50;

function createMemory(calls: LinuxCalls): number {
  const fd = succeed(calls.memfdCreate(NAME, 0));
  succeed(calls.ftruncate(fd, calls.pageSize()));
  return fd;
}

function map(calls: LinuxCalls, fd: number): ArrayBuffer {
  const buffer = calls.mmap(calls.pageSize(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  assert.ok(typeof buffer === 'object');
  return buffer;
}

async function collectGarbage(): Promise<void> {
  globalThis.gc?.();
  await turns(1);
}

async function untilUnmapped(): Promise<void> {
  for (let turn = 0; turn < MANY_TURNS && mappedRanges(NAME).length > 0; turn++) {
    await collectGarbage();
  }
  assert.deepEqual(mappedRanges(NAME), []);
}

async function unmap(calls: LinuxCalls): Promise<void> {
  const fd = createMemory(calls);
  for (let count = 0; count < 5; count++) map(calls, fd);
  assert.equal(mappedRanges(NAME).length, 5);
  await untilUnmapped();
  hangUp();
}

/** A mapping ends, another takes its address, and only then is the first one's buffer collected. */
async function spareTheYounger(calls: LinuxCalls): Promise<void> {
  const fd = createMemory(calls);
  let old: ArrayBuffer | undefined = map(calls, fd);
  const address = calls.addressOf(old);
  assert.equal(calls.munmap(old), 0);
  const young = map(calls, fd);
  assert.equal(calls.addressOf(young), address);
  old = undefined;
  for (let turn = 0; turn < MANY_TURNS; turn++) await collectGarbage();
  assert.equal(mappedRanges(NAME).length, 1);
  new Uint8Array(young).fill(1);
  assert.equal(calls.munmap(young), 0);
  assert.deepEqual(mappedRanges(NAME), []);
  hangUp();
}

async function keepForView(calls: LinuxCalls): Promise<void> {
  const view = new Uint8Array(map(calls, createMemory(calls)), 8, 8);
  for (let turn = 0; turn < MANY_TURNS; turn++) await collectGarbage();
  view[0] = 1;
  assert.equal(mappedRanges(NAME).length, 1);
  hangUp();
}

function alias(calls: LinuxCalls, buffer: ArrayBuffer, byteLength: number): ArrayBuffer {
  const made = calls.alias(buffer, 0, byteLength);
  assert.ok(typeof made === 'object');
  return made;
}

async function keepForAlias(calls: LinuxCalls): Promise<void> {
  let made: ArrayBuffer | undefined = alias(calls, map(calls, createMemory(calls)), 8);
  for (let turn = 0; turn < MANY_TURNS; turn++) await collectGarbage();
  new Uint8Array(made)[0] = 1;
  assert.equal(mappedRanges(NAME).length, 1);
  assert.equal(calls.detach(made), 0);
  // A thread may refer to a detached one, and use its address.
  for (let turn = 0; turn < MANY_TURNS; turn++) await collectGarbage();
  assert.equal(mappedRanges(NAME).length, 1);
  assert.equal(made.byteLength, 0);
  made = undefined;
  await untilUnmapped();
  hangUp();
}

/** Maps the memory, and makes aliases that nobody keeps. */
function mapWithAliases(calls: LinuxCalls, fd: number): ArrayBuffer {
  const buffer = map(calls, fd);
  for (let count = 0; count < 100; count++) alias(calls, buffer, count + 1);
  return buffer;
}

/** One mapping is forgotten with its aliases; another is unmapped when its aliases are garbage. */
async function forgetAliases(calls: LinuxCalls): Promise<void> {
  const fd = createMemory(calls);
  const kept = mapWithAliases(calls, fd);
  mapWithAliases(calls, fd);
  assert.equal(mappedRanges(NAME).length, 2);
  for (let turn = 0; turn < MANY_TURNS; turn++) await collectGarbage();
  let last: ArrayBuffer | undefined = alias(calls, kept, 8);
  assert.equal(calls.munmapLater(kept), 0);
  assert.equal(last.byteLength, 8);
  last = undefined;
  await untilUnmapped();
  hangUp();
}

await runScenario({
  unmap,
  'spare-the-younger': spareTheYounger,
  'keep-for-view': keepForView,
  'keep-for-alias': keepForAlias,
  'forget-aliases': forgetAliases,
});
