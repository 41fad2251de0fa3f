import assert from 'node:assert/strict';
import { randomFill } from 'node:crypto';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { gunzipSync, gzip } from 'node:zlib';
import {
  type LinuxCalls,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  PROT_READ,
  PROT_WRITE,
} from '@pageferry/linux';
import { collectUntil } from '../support/collect-until.js';
import { hangUp, runScenario, succeed } from './peer-program.js';

const LENGTH = 16 * 1024 * 1024;

interface Memory {
  mapping: ArrayBuffer | undefined;
  alias: ArrayBuffer | undefined;
}

function map(calls: LinuxCalls): Memory {
  const flags = MAP_PRIVATE | MAP_ANONYMOUS;
  const mapping = calls.mmap(LENGTH, PROT_READ | PROT_WRITE, flags, -1, 0, 1);
  assert.ok(typeof mapping === 'object');
  const alias = calls.alias(mapping, 0, LENGTH);
  assert.ok(typeof alias === 'object');
  return { mapping, alias };
}

/** Begins to compress, and lets the first bytes be read. */
function compress({ alias }: Memory): Promise<Buffer> {
  return promisify(gzip)(new Uint8Array(alias as ArrayBuffer));
}

async function unmap(calls: LinuxCalls): Promise<void> {
  const memory = map(calls);
  const bytes = new Uint8Array(memory.alias as ArrayBuffer).fill(7);
  const compressing = compress(memory);
  succeed(calls.munmap(memory.mapping as ArrayBuffer, Float64Array.of(0, LENGTH)));
  // What was kept is right, although nobody else has it any more.
  assert.deepEqual(gunzipSync(await compressing), Buffer.alloc(LENGTH, 7));
  assert.equal(bytes.length, LENGTH);
  hangUp();
}

async function unmapAndCollect(calls: LinuxCalls): Promise<void> {
  for (const end of ['munmap', 'munmapLater'] as const) {
    const memory = map(calls);
    const compressing = compress(memory);
    succeed(calls[end](memory.mapping as ArrayBuffer));
    memory.mapping = undefined;
    memory.alias = undefined;
    await collectUntil(compressing);
  }
  hangUp();
}

async function detach(calls: LinuxCalls): Promise<void> {
  const memory = map(calls);
  const filling = promisify(randomFill)(new Uint8Array(memory.alias as ArrayBuffer));
  succeed(calls.detach(memory.alias as ArrayBuffer));
  succeed(calls.munmap(memory.mapping as ArrayBuffer));
  memory.mapping = undefined;
  memory.alias = undefined;
  await collectUntil(filling);
  hangUp();
}

/** What the program has marked is there until the process has ended. */
const marked = new Set<ArrayBuffer>();

async function mark(calls: LinuxCalls): Promise<void> {
  const { markAsUntransferable } = createRequire(import.meta.url)('node:worker_threads');
  for (const end of [calls.munmap, calls.munmapLater, () => 0]) {
    const { mapping, alias } = map(calls);
    markAsUntransferable(alias);
    marked.add(alias as ArrayBuffer);
    succeed(end(mapping as ArrayBuffer));
  }
  hangUp();
}

await runScenario({ unmap, 'unmap-and-collect': unmapAndCollect, detach, mark });
