import { expect, test, vi } from 'vitest';
import { freshEndpoint } from './endpoint.js';
import { EXPECTED, exchange } from './exchange.js';

test('imported while the timers are faked', async () => {
  vi.useFakeTimers();
  const backends = await import('./backends.js');
  for (const transport of Object.values(backends)) {
    expect(await exchange(transport, freshEndpoint())).toEqual(EXPECTED);
  }
  vi.useRealTimers();
});
