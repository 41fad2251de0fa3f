// images.js: a pool of four workers halves twelve images of 4 MB, without a copy of any
import { shared } from '@pageferry/messages';
import { createPool } from '@pageferry/workers';

/** @typedef {import('./resize.js').Image} Image */

const size = { width: 1024, height: 1024 };
const pool = createPool(new URL('resize.js', import.meta.url), { size: 4 });

async function halve(/** @type {number} */ number) {
  const task = await pool.compose({ ...size, pixels: shared(Uint8Array, 4 * 1024 * 1024) });
  task.value.pixels.fill(20 * number); // Straight into the memory that the worker reads.
  const answer = await pool.request(task);
  const { width, height, pixels } = /** @type {Image} */ (answer.value); // And that the worker has written.
  const isRight = pixels.every((each) => each === 20 * number);
  console.log(number, `${width} x ${height}`, isRight ? 'right' : 'wrong');
  answer.release();
}

await Promise.all(Array.from({ length: 12 }, (_, number) => halve(number)));
await pool.close();
