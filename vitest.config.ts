import { defineConfig } from 'vitest/config';

// Tests start real processes that run the built packages, so the tests import the built packages
// too; `pnpm test` builds first.
export default defineConfig({
  test: {
    include: [
      '{packages,apps}/*/test/**/*.test.ts',
      'benchmarks/test/**/*.test.ts',
      'docs/examples/test/*.test.ts',
      'test/*.test.ts',
      'test/{surroundings,runtimes}/*.test.ts',
    ],
    pool: 'forks',
    // Ends a test that hangs; on a busy machine a good one may take several seconds.
    testTimeout: 20_000,
    reporters: ['default', './scripts/closing-line-reporter.js'],
  },
});
