// killed.js: three workers square numbers, and one of them is killed in the middle. Every answer is there
import { createPool } from '@pageferry/workers';

const pool = createPool(new URL('square.js', import.meta.url), { size: 3, retries: 2 });
await pool.ready();

const [victim] = pool.stats().workers;
const gone = new Promise((resolve) => pool.on('workerDestroy', (_, why) => resolve(why)));
const answers = Array.from({ length: 100 }, async (_, number) => {
  if (number === 50 && victim?.id) process.kill(victim.id, 'SIGKILL');
  const task = new Float64Array(1000).fill(number);
  const answer = /** @type {{ squares: Float64Array }} */ (await pool.run(task));
  return answer.squares.every((each) => each === number * number);
});

const right = (await Promise.all(answers)).filter(Boolean).length;
const { signalCode } = /** @type {import('@pageferry/core').PageferryError} */ (await gone);
console.log(`${right} of 100 answers are right, though a worker was ended by ${signalCode}`);
await pool.close();
