const { expect, test } = require('@jest/globals');

test('imported by a CommonJS test', async () => {
  const { sharedMmap } = await import('@pageferry/shared-mmap');
  const { freshEndpoint } = await import('./endpoint.js');
  const { EXPECTED, exchange } = await import('./exchange.js');
  expect(await exchange(sharedMmap, freshEndpoint())).toEqual(EXPECTED);
});
