// What is installed, required: every entry point that users name, and a message over each backend.
const assert = require('node:assert/strict');
const { sharedMmap } = require('@pageferry/shared-mmap');
const { socketTransport } = require('@pageferry/socket');
const { vmspliceFfi } = require('@pageferry/vmsplice-ffi');
const { vmspliceNapi } = require('@pageferry/vmsplice-napi');
const { freshEndpoint } = require('./endpoint.js');
const { EXPECTED, exchange } = require('./exchange.js');

const entries = [
  require('@pageferry/core'),
  require('@pageferry/core/contract'),
  require('@pageferry/doctor'),
  require('@pageferry/fd-socket'),
  require('@pageferry/messages'),
  require('@pageferry/streams'),
  require('pageferry'),
];
for (const entry of entries) assert.notEqual(Object.keys(entry).length, 0);

(async () => {
  for (const transport of [sharedMmap, vmspliceNapi, vmspliceFfi, socketTransport]) {
    assert.deepEqual(await exchange(transport, freshEndpoint()), EXPECTED);
  }
  console.log('every backend works');
})();
