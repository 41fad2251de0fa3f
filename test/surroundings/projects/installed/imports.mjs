// What is installed, imported: every entry point that users name, and a message over each backend.
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
import * as pageferry from 'pageferry';
import { freshEndpoint } from './endpoint.js';
import { EXPECTED, exchange } from './exchange.js';

for (const entry of [core, contract, doctor, fdSocket, messages, streams, pageferry]) {
  assert.notEqual(Object.keys(entry).length, 0);
}
for (const transport of [sharedMmap, vmspliceNapi, vmspliceFfi, socketTransport]) {
  assert.deepEqual(await exchange(transport, freshEndpoint()), EXPECTED);
}
console.log('every backend works');
