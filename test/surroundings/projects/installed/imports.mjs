// What is installed, imported: every entry point that users name, a message over each backend, and a task for a worker of
// each kind, which imports what is installed once more.
import assert from 'node:assert/strict';
import * as core from '@pageferry/core';
import * as contract from '@pageferry/core/contract';
import * as doctor from '@pageferry/doctor';
import * as fdSocket from '@pageferry/fd-socket';
import * as messages from '@pageferry/messages';
import { sharedMmap } from '@pageferry/shared-mmap';
import { socketTransport } from '@pageferry/socket';
import * as streams from '@pageferry/streams';
import { vmspliceFfi } from '@pageferry/vmsplice-ffi';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';
import * as workers from '@pageferry/workers';
import * as pageferry from 'pageferry';
import { freshEndpoint } from './endpoint.js';
import { EXPECTED, exchange } from './exchange.js';

const entries = [core, contract, doctor, fdSocket, messages, streams, workers, pageferry];
for (const entry of entries) {
  assert.notEqual(Object.keys(entry).length, 0);
}
for (const transport of [sharedMmap, vmspliceNapi, vmspliceFfi, socketTransport]) {
  assert.deepEqual(await exchange(transport, freshEndpoint()), EXPECTED);
}
for (const threads of [false, true]) {
  const pool = workers.createPool(new URL('./pool-task.mjs', import.meta.url), {
    size: 1,
    threads,
  });
  assert.equal(await pool.run(new Uint8Array([3, 4])), 7);
  await pool.close();
}
console.log('every backend works');
