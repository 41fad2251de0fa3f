import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import {
  ENOSPC,
  type LinuxCalls,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
} from '@pageferry/linux';
import { ELSEWHERE, entriesOf, type Message, putEntry, shapeOf } from '../support/entries.js';
import { turns } from '../support/event-loop.js';
import { hangUp, loadBinding, runScenario, type Scenario, tell } from './peer-program.js';

/** More mappings than a process can have explained. */
const FAR_TOO_MANY = 100_000;

function mapReadable(calls: LinuxCalls): ArrayBuffer {
  const flags = MAP_PRIVATE | MAP_ANONYMOUS;
  const buffer = calls.mmap(calls.pageSize(), PROT_READ, flags, -1, 0);
  assert.ok(typeof buffer === 'object');
  return buffer;
}

/** Has writes to a mapping explained by entries for those messages. */
function explain(calls: LinuxCalls, buffer: ArrayBuffer, ...messages: readonly Message[]): void {
  const words = entriesOf(...messages);
  assert.equal(calls.explainWrites(buffer, words, shapeOf(messages.length), 'Look here.'), 0);
}

/** A read-only mapping whose writes are explained. */
function mapExplained(calls: LinuxCalls, ...messages: readonly Message[]): ArrayBuffer {
  const buffer = mapReadable(calls);
  explain(calls, buffer, ...messages);
  return buffer;
}

/** A message of 100 bytes, at the start. */
const numbered = (number: number): Message => ({ place: 0, length: 100, number });

function write(buffer: ArrayBuffer, position: number): void {
  new Uint8Array(buffer)[position] = 1;
}

/** A process that writes to a byte of a page in which those messages lie. */
const writing =
  (position: number, ...messages: readonly Message[]): Scenario =>
  (calls) =>
    write(mapExplained(calls, ...messages), position);

async function writeToMessage(calls: LinuxCalls): Promise<void> {
  const buffer = mapExplained(
    calls,
    { place: 0, length: 64, number: 16 },
    { place: 1, length: 100, number: 17 },
    { place: 26, length: 100, number: 18 },
  );
  await tell(`0x${(calls.addressOf(buffer) + 100n).toString(16)}`);
  write(buffer, 100);
}

function askTwice(calls: LinuxCalls): void {
  const buffer = mapExplained(calls, numbered(1));
  explain(calls, buffer, numbered(2));
  write(buffer, 0);
}

/** The words are of memory that this process only reads, and somebody else writes to. */
function changeEntries(calls: LinuxCalls): void {
  const fd = calls.memfdCreate('entries', 0);
  assert.equal(calls.ftruncate(fd, calls.pageSize()), 0);
  const map = (protection: number): Int32Array => {
    const memory = calls.mmap(calls.pageSize(), protection, MAP_SHARED, fd, 0);
    assert.ok(typeof memory === 'object');
    return new Int32Array(memory);
  };
  const buffer = mapReadable(calls);
  assert.equal(calls.explainWrites(buffer, map(PROT_READ), shapeOf(3), 'Look here.'), 0);
  putEntry(map(PROT_READ | PROT_WRITE), 2, { place: 1, length: 50, number: 8 });
  write(buffer, 7);
}

function changeShape(calls: LinuxCalls): void {
  const buffer = mapReadable(calls);
  const shape = shapeOf(1);
  assert.equal(calls.explainWrites(buffer, entriesOf(numbered(6)), shape, 'Look here.'), 0);
  shape.fill(0);
  write(buffer, 9);
}

/** More memory than a signed number of 32 bits counts bytes of. Nobody uses it, so nobody gives it. */
function writeFarAway(calls: LinuxCalls): void {
  const place = 2 ** 31 + 8;
  const flags = MAP_PRIVATE | MAP_ANONYMOUS;
  const buffer = calls.mmap(place + 8 * calls.pageSize(), PROT_READ, flags, -1, 0);
  assert.ok(typeof buffer === 'object');
  const shape = shapeOf(1);
  shape[5] = 1;
  const words = entriesOf({ place, length: 100, number: 2 ** 31 });
  assert.equal(calls.explainWrites(buffer, words, shape, 'Look here.'), 0);
  write(buffer, place + 20);
}

function mapSeveral(calls: LinuxCalls): void {
  const buffers = Array.from({ length: 10 }, (_, index) => mapExplained(calls, numbered(index)));
  write(buffers[5] as ArrayBuffer, 1);
}

function useOddText(calls: LinuxCalls): void {
  const buffer = mapReadable(calls);
  calls.explainWrites(buffer, entriesOf(numbered(1)), shapeOf(1), 'Grüße, zwei\r\nZeilen.');
  write(buffer, 0);
}

/** A copy of some words in a mapping of their own, which may end as soon as nobody refers to them. */
function mapWords(calls: LinuxCalls, words: Int32Array): Int32Array {
  const flags = MAP_PRIVATE | MAP_ANONYMOUS;
  const buffer = calls.mmap(words.byteLength, PROT_READ | PROT_WRITE, flags, -1, 0);
  assert.ok(typeof buffer === 'object');
  const mapped = new Int32Array(buffer);
  mapped.set(words);
  return mapped;
}

/** Collects everything that only the explanation refers to. */
async function forgetEntries(calls: LinuxCalls): Promise<void> {
  const buffer = mapReadable(calls);
  const words = (): Int32Array => mapWords(calls, entriesOf(numbered(12)));
  assert.equal(calls.explainWrites(buffer, words(), shapeOf(1), 'Look here.'), 0);
  for (let turn = 0; turn < 20; turn++) {
    globalThis.gc?.();
    await turns(1);
  }
  write(buffer, 5);
}

function closeOutput(calls: LinuxCalls): void {
  const buffer = mapExplained(calls, numbered(1));
  closeSync(2);
  write(buffer, 0);
}

function writeElsewhere(calls: LinuxCalls): void {
  const neighbours = [mapReadable(calls), mapExplained(calls, numbered(1)), mapReadable(calls)];
  write(neighbours[2] as ArrayBuffer, 0);
}

function unmapAndWrite(calls: LinuxCalls): void {
  const explained = mapExplained(calls, numbered(1));
  const address = calls.addressOf(explained);
  assert.equal(calls.munmap(explained), 0);
  const successor = mapReadable(calls);
  assert.equal(calls.addressOf(successor), address);
  write(successor, 0);
}

async function sendSignal(calls: LinuxCalls): Promise<void> {
  const explained = mapExplained(calls, numbered(1));
  process.kill(process.pid, 'SIGSEGV');
  await new Promise(() => setInterval(() => explained, 1000));
}

/** Node's own listener returns to where the fault was, which then happens once more, and so on. */
function writeBesideListener(calls: LinuxCalls): void {
  process.on('SIGSEGV', () => undefined);
  write(mapExplained(calls, numbered(3)), 7);
}

async function writeInWorkersBesideListener(): Promise<void> {
  process.on('SIGSEGV', () => undefined);
  const workers = await Promise.all([100, 101, 102, 103].map((n) => begin('write-when-told', n)));
  for (const worker of workers) worker.postMessage('write');
  await new Promise(() => {});
}

/** `(func (export "load") (param i32) (result i32) (i32.load (local.get 0)))`, and a page of memory. */
const MODULE = Uint8Array.of(
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f, 3, 2, 1, 0, 5, 3, 1, 0, 1],
  ...[7, 8, 1, 4, 0x6c, 0x6f, 0x61, 0x64, 0, 0, 10, 9, 1, 7, 0, 0x20, 0, 0x28, 2, 0, 0x0b],
);

/** What the TypeScript of this package does not know of WebAssembly. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Record<string, unknown> };
  readonly RuntimeError: new () => Error;
};

/** Reads outside of WebAssembly's memory, which V8 notices by a fault. */
function trap(): void {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(MODULE));
  const load = exports['load'] as (address: number) => number;
  for (let count = 0; count < 100; count++) {
    assert.equal(load(0), 0);
    assert.throws(() => load(0x7fff_0000 + count), WebAssembly.RuntimeError);
  }
}

const inWorker: Readonly<Record<string, Scenario>> = {
  explain: (calls) => {
    mapExplained(calls, numbered(1));
  },
  trap: (calls) => {
    mapExplained(calls, numbered(1));
    trap();
  },
  // All of them explain; the one in the middle writes when it is told to.
  'write-when-told': (calls) => {
    const { number } = workerData as { number: number };
    const buffer = mapExplained(calls, numbered(number));
    parentPort?.on('message', () => write(buffer, 2));
  },
};

/** Runs a scenario in a worker. Settles when it is set up. */
async function begin(name: string, number = 0): Promise<Worker> {
  const [, , moduleUrl] = process.argv;
  const worker = new Worker(new URL(import.meta.url), { workerData: { moduleUrl, name, number } });
  await once(worker, 'message');
  return worker;
}

async function runInWorker(name: string): Promise<void> {
  const worker = await begin(name);
  await worker.terminate();
}

async function writeInWorkers(): Promise<void> {
  const workers = await Promise.all([100, 101, 102, 103].map((n) => begin('write-when-told', n)));
  workers[2]?.postMessage('write');
  await new Promise(() => {});
}

/** Has more and more mappings explained until there is no room, and answers how many there were. */
function explainUntilFull(calls: LinuxCalls, keep: (buffer: ArrayBuffer) => void): number {
  for (let count = 0; count < FAR_TOO_MANY; count++) {
    const buffer = mapReadable(calls);
    keep(buffer);
    const result = calls.explainWrites(buffer, entriesOf(), shapeOf(0), '');
    if (result === 0) continue;
    assert.equal(result, -ENOSPC);
    return count;
  }
  throw new Error('there was always room');
}

function explainTooMany(calls: LinuxCalls): void {
  const buffers: ArrayBuffer[] = [];
  const count = explainUntilFull(calls, (buffer) => buffers.push(buffer));
  assert.ok(count >= 100);
  assert.equal(calls.munmap(buffers[7] as ArrayBuffer), 0);
  mapExplained(calls);
  assert.equal(calls.explainWrites(mapReadable(calls), entriesOf(), shapeOf(0), ''), -ENOSPC);
  hangUp();
}

async function forgetTooMany(calls: LinuxCalls): Promise<void> {
  const count = explainUntilFull(calls, () => {});
  for (let turn = 0; turn < 20; turn++) {
    globalThis.gc?.();
    await turns(1);
  }
  const buffers: ArrayBuffer[] = [];
  assert.equal(
    explainUntilFull(calls, (buffer) => buffers.push(buffer)),
    count,
  );
  hangUp();
}

if (!isMainThread) {
  const { moduleUrl, name } = workerData as { moduleUrl: string; name: string };
  await inWorker[name]?.(await loadBinding(moduleUrl));
  parentPort?.postMessage('ready');
} else if (process.argv[3] === 'trap-after-worker') {
  // Here nobody but the worker has loaded the binding, which may be unloaded when it ends.
  await runInWorker('explain');
  trap();
  hangUp();
} else {
  await runScenario({
    'write-to-message': writeToMessage,
    overlap: writing(
      12,
      numbered(2),
      { place: 3, length: 1, number: Number.MAX_SAFE_INTEGER },
      numbered(3),
    ),
    'first-byte': writing(
      8,
      { place: 0, length: 8, number: 1 },
      { place: 2, length: 100, number: 0 },
    ),
    'last-byte': writing(107, { place: 2, length: 100, number: 4 }),
    behind: writing(108, { place: 2, length: 100, number: 4 }),
    before: writing(7, { place: 2, length: 100, number: 4 }),
    'no-message': writing(50),
    'longest-message': writing(60, { place: 1, length: 2 ** 32 - 1, number: 2 ** 32 + 1 }),
    elsewhere: writing(
      30,
      { ...numbered(5), flags: ~ELSEWHERE },
      { ...numbered(6), flags: 0b0010 },
      { ...numbered(7), flags: 0b1001 },
      { ...numbered(8), flags: -1 },
    ),
    nonsense: writing(
      0,
      // Numbers that no message gets to, up to the highest that an entry can hold.
      { place: 0, length: 100, number: 2 ** 53 },
      { place: 0, length: 100, number: 2 ** 63 },
      { place: 0, length: 100, number: -1 },
      // No bytes; and places so far away that the sums do not fit into 32 bits.
      { place: 0, length: 0, number: 1 },
      { place: 2 ** 30, length: 100, number: 1 },
      { place: 2 ** 32 - 1, length: 2 ** 32 - 1, number: 1 },
    ),
    'asked-twice': askTwice,
    'changed-entries': changeEntries,
    'changed-shape': changeShape,
    'far-away': writeFarAway,
    'several-mappings': mapSeveral,
    'in-workers': writeInWorkers,
    'after-worker': async (calls) => {
      await runInWorker('explain');
      await writeToMessage(calls);
    },
    'odd-text': useOddText,
    'forgotten-entries': forgetEntries,
    'closed-output': closeOutput,
    'write-elsewhere': writeElsewhere,
    unmapped: unmapAndWrite,
    'sent-signal': sendSignal,
    'beside-listener': writeBesideListener,
    'in-workers-beside-listener': writeInWorkersBesideListener,
    trap: (calls) => {
      mapExplained(calls, numbered(1));
      trap();
      hangUp();
    },
    'trap-in-worker': async () => {
      await runInWorker('trap');
      hangUp();
    },
    'too-many': explainTooMany,
    'too-many-forgotten': forgetTooMany,
  });
}
