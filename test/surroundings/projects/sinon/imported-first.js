import { deepStrictEqual } from 'node:assert';
import sinon from 'sinon';
import * as backends from './backends.js';
import { freshEndpoint } from './endpoint.js';
import { EXPECTED, exchange } from './exchange.js';

const { socketTransport, ...others } = backends;
const everything = sinon.useFakeTimers();
for (const transport of Object.values(others)) {
  deepStrictEqual(await exchange(transport, freshEndpoint()), EXPECTED);
}
everything.restore();

// `node:net` itself stands still without `process.nextTick`.
const clock = sinon.useFakeTimers({ toNotFake: ['nextTick'] });
deepStrictEqual(await exchange(socketTransport, freshEndpoint()), EXPECTED);
clock.restore();
