import { expect, jest, test } from '@jest/globals';
import * as backends from './backends.js';
import { freshEndpoint } from './endpoint.js';
import { EXPECTED, exchange } from './exchange.js';

const transports = Object.values(backends);

test.each(transports)('$name', async (transport) => {
  expect(await exchange(transport, freshEndpoint())).toEqual(EXPECTED);
});

test.each(transports)('$name while the timers are faked', async (transport) => {
  jest.useFakeTimers();
  try {
    expect(await exchange(transport, freshEndpoint())).toEqual(EXPECTED);
  } finally {
    jest.useRealTimers();
  }
});
