import { afterEach, expect, test, vi } from 'vitest';
import * as backends from './backends.js';
import { freshEndpoint } from './endpoint.js';
import { EXPECTED, exchange } from './exchange.js';

const transports = Object.values(backends);
afterEach(() => {
  vi.useRealTimers();
});

test.each(transports)('$name', async (transport) => {
  expect(await exchange(transport, freshEndpoint())).toEqual(EXPECTED);
});

test.each(transports)('$name while the timers are faked', async (transport) => {
  vi.useFakeTimers();
  expect(await exchange(transport, freshEndpoint())).toEqual(EXPECTED);
});
