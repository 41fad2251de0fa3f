import { deepStrictEqual } from 'node:assert';
import sinon from 'sinon';
import { freshEndpoint } from './endpoint.js';
import { EXPECTED, exchange } from './exchange.js';

// What is imported now has no other `process.nextTick` than this one, nor has `node:net`.
const clock = sinon.useFakeTimers({ toNotFake: ['nextTick'] });
const backends = await import('./backends.js');
for (const transport of Object.values(backends)) {
  deepStrictEqual(await exchange(transport, freshEndpoint()), EXPECTED);
}
clock.restore();
