// square.js: the module of a pool
import process from 'node:process';

export default (/** @type {Float64Array} */ numbers) => ({
  by: process.pid,
  squares: numbers.map((each) => each * each),
});
