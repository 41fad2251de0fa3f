// Ends by itself, though its pool is open, and prints which workers it had.
import { createPool } from '@pageferry/workers';

const threads = process.argv[2] === 'threads';
const pool = createPool(new URL('tasks.mjs', import.meta.url), { size: 2, threads });
await pool.ready();
console.log(await pool.run(new Float64Array([4])));
console.log(JSON.stringify(pool.stats().workers.map(({ id }) => id)));
