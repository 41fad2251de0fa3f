/**
 * One of the examples, and what stands at its far end.
 *
 * @typedef {object} Pattern
 * @property {string} file the example, beside this folder's parent.
 * @property {'http' | 'net' | 'fifo'} source how the far end gets what the example passes on.
 * @property {'plain' | 'gzip' | 'framed' | 'signatures'} format what it has to undo.
 * @property {number} [readers] how many of them there are.
 */

/** @type {readonly Pattern[]} */
export const PATTERNS = [
  { file: 'http.mjs', source: 'http', format: 'plain' },
  { file: 'http-to-all.mjs', source: 'http', format: 'plain', readers: 2 },
  { file: 'net.mjs', source: 'net', format: 'plain' },
  { file: 'fs-callback.mjs', source: 'fifo', format: 'plain' },
  { file: 'fs-promises.mjs', source: 'fifo', format: 'plain' },
  { file: 'write-stream.mjs', source: 'fifo', format: 'plain' },
  { file: 'pipeline.mjs', source: 'fifo', format: 'plain' },
  { file: 'readable-from.mjs', source: 'fifo', format: 'plain' },
  { file: 'transform.mjs', source: 'fifo', format: 'framed' },
  { file: 'gzip-callback.mjs', source: 'fifo', format: 'gzip' },
  { file: 'gzip-stream.mjs', source: 'fifo', format: 'gzip' },
  { file: 'worker.mjs', source: 'fifo', format: 'gzip' },
  { file: 'sign.mjs', source: 'fifo', format: 'signatures' },
];

/** The folder of the right patterns. */
export const RIGHT = new URL('../../keeping-messages/', import.meta.url);
/** The folder of the wrong ones, which show that the tests would notice. */
export const WRONG = new URL('../wrong/', import.meta.url);

/** Those that look right and are not. @type {readonly Pattern[]} */
export const WRONG_PATTERNS = [
  { file: 'http-release-at-once.mjs', source: 'http', format: 'plain' },
  { file: 'http-await-drain.mjs', source: 'http', format: 'plain' },
  { file: 'pipeline-of-bytes.mjs', source: 'fifo', format: 'plain' },
  { file: 'gzip-release-at-once.mjs', source: 'fifo', format: 'gzip' },
];

/** The examples that send, in either folder. */
export const SENDER = 'random-fill.mjs';
export const WRONG_SENDER = 'random-fill-send-at-once.mjs';
