import { expect, jest, test } from '@jest/globals';
import { freshEndpoint } from './endpoint.js';
import { EXPECTED, exchange } from './exchange.js';

test('imported while the timers are faked', async () => {
  // The socket backend stands on `node:net`, which takes its turns with `process.nextTick`.
  jest.useFakeTimers({ doNotFake: ['nextTick'] });
  const backends = await import('./backends.js');
  for (const transport of Object.values(backends)) {
    expect(await exchange(transport, freshEndpoint())).toEqual(EXPECTED);
  }
});
