import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { ENOSPC, type LinuxCalls, MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ } from '@pageferry/linux';
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

/** A read-only mapping whose writes are explained by triples of offset, length and number. */
function mapExplained(calls: LinuxCalls, ...ranges: readonly number[]): ArrayBuffer {
  const buffer = mapReadable(calls);
  assert.equal(calls.explainWrites(buffer, Float64Array.from(ranges), 'Look here.'), 0);
  return buffer;
}

function write(buffer: ArrayBuffer, position: number): void {
  new Uint8Array(buffer)[position] = 1;
}

/** A process that writes to a byte of a page in which those messages lie. */
const writing =
  (position: number, ...ranges: readonly number[]): Scenario =>
  (calls) =>
    write(mapExplained(calls, ...ranges), position);

async function writeToMessage(calls: LinuxCalls): Promise<void> {
  const buffer = mapExplained(calls, 0, 64, 16, 4, 100, 17, 104, 100, 18);
  await tell(`0x${(calls.addressOf(buffer) + 100n).toString(16)}`);
  write(buffer, 100);
}

function askTwice(calls: LinuxCalls): void {
  const buffer = mapExplained(calls, 0, 100, 1);
  assert.equal(calls.explainWrites(buffer, Float64Array.of(0, 100, 2), 'Look here.'), 0);
  write(buffer, 0);
}

function changeRanges(calls: LinuxCalls): void {
  const buffer = mapReadable(calls);
  const ranges = Float64Array.of(0, 100, 7);
  assert.equal(calls.explainWrites(buffer, ranges, 'Look here.'), 0);
  ranges.set([1, 50, 8]);
  write(buffer, 4);
}

function mapSeveral(calls: LinuxCalls): void {
  const buffers = Array.from({ length: 10 }, (_, index) => mapExplained(calls, 0, 100, index));
  write(buffers[5] as ArrayBuffer, 1);
}

function useOddText(calls: LinuxCalls): void {
  const buffer = mapReadable(calls);
  calls.explainWrites(buffer, Float64Array.of(0, 100, 1), 'Grüße, zwei\r\nZeilen.');
  write(buffer, 0);
}

/** Collects everything that only the explanation refers to, and puts something else in its place. */
async function forgetRanges(calls: LinuxCalls): Promise<void> {
  const buffer = mapExplained(calls, 0, 100, 12);
  for (let turn = 0; turn < 20; turn++) {
    globalThis.gc?.();
    new Float64Array(3).fill(99);
    await turns(1);
  }
  write(buffer, 5);
}

function closeOutput(calls: LinuxCalls): void {
  const buffer = mapExplained(calls, 0, 100, 1);
  closeSync(2);
  write(buffer, 0);
}

function writeElsewhere(calls: LinuxCalls): void {
  const neighbours = [mapReadable(calls), mapExplained(calls, 0, 100, 1), mapReadable(calls)];
  write(neighbours[2] as ArrayBuffer, 0);
}

function unmapAndWrite(calls: LinuxCalls): void {
  const explained = mapExplained(calls, 0, 100, 1);
  const address = calls.addressOf(explained);
  assert.equal(calls.munmap(explained), 0);
  const successor = mapReadable(calls);
  assert.equal(calls.addressOf(successor), address);
  write(successor, 0);
}

async function sendSignal(calls: LinuxCalls): Promise<void> {
  const explained = mapExplained(calls, 0, 100, 1);
  process.kill(process.pid, 'SIGSEGV');
  await new Promise(() => setInterval(() => explained, 1000));
}

/** Node's own listener returns to where the fault was, which then happens once more, and so on. */
function writeBesideListener(calls: LinuxCalls): void {
  process.on('SIGSEGV', () => undefined);
  write(mapExplained(calls, 0, 100, 3), 7);
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
    mapExplained(calls, 0, 100, 1);
  },
  trap: (calls) => {
    mapExplained(calls, 0, 100, 1);
    trap();
  },
  // All of them explain; the one in the middle writes when it is told to.
  'write-when-told': (calls) => {
    const { number } = workerData as { number: number };
    const buffer = mapExplained(calls, 0, 100, number);
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
    const result = calls.explainWrites(buffer, new Float64Array(3), '');
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
  assert.equal(calls.explainWrites(mapReadable(calls), new Float64Array(3), ''), -ENOSPC);
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
    overlap: writing(10, 0, 100, 2, 10, 1, Number.MAX_SAFE_INTEGER, 0, 100, 3),
    'first-byte': writing(8, 0, 8, 1, 8, 100, 0),
    'last-byte': writing(107, 8, 100, 4),
    behind: writing(108, 8, 100, 4),
    'no-message': writing(50),
    nonsense: writing(
      0,
      0,
      10,
      -1,
      0,
      10,
      Number.NaN,
      Number.NaN,
      10,
      1,
      0,
      Number.NaN,
      1,
      0,
      0,
      1,
      0,
    ),
    'asked-twice': askTwice,
    'changed-ranges': changeRanges,
    'several-mappings': mapSeveral,
    'in-workers': writeInWorkers,
    'after-worker': async (calls) => {
      await runInWorker('explain');
      await writeToMessage(calls);
    },
    'odd-text': useOddText,
    'forgotten-ranges': forgetRanges,
    'closed-output': closeOutput,
    'write-elsewhere': writeElsewhere,
    unmapped: unmapAndWrite,
    'sent-signal': sendSignal,
    'beside-listener': writeBesideListener,
    'in-workers-beside-listener': writeInWorkersBesideListener,
    trap: (calls) => {
      mapExplained(calls, 0, 100, 1);
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
