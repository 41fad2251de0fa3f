// What is installed, required: every entry point that users name, a message over each backend, and a task for a worker of
// each kind.
const assert = require('node:assert/strict');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');
const { sharedMmap } = require('@pageferry/shared-mmap');
const { socketTransport } = require('@pageferry/socket');
const { vmspliceFfi } = require('@pageferry/vmsplice-ffi');
const { vmspliceNapi } = require('@pageferry/vmsplice-napi');
const workers = require('@pageferry/workers');
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
  workers,
];
for (const entry of entries) assert.notEqual(Object.keys(entry).length, 0);

(async () => {
  for (const transport of [sharedMmap, vmspliceNapi, vmspliceFfi, socketTransport]) {
    assert.deepEqual(await exchange(transport, freshEndpoint()), EXPECTED);
  }
  for (const threads of [false, true]) {
    const pool = workers.createPool(pathToFileURL(join(__dirname, 'pool-task.mjs')), {
      size: 1,
      threads,
    });
    assert.equal(await pool.run(new Uint8Array([3, 4])), 7);
    await pool.close();
  }
  console.log('every backend works');
})();
