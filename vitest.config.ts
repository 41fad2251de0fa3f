import { availableParallelism } from 'node:os';
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
      'clients/*/test/*.test.ts',
      'test/{peers,surroundings,runtimes}/*.test.ts',
    ],
    pool: 'forks',
    // Most of a test's time is spent waiting for other processes, so that two files go well with two processors.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Ends a test that hangs; on a busy machine a good one may take many seconds.
    testTimeout: 60_000,
    // Hooks compile programs and start peers, as tests do.
    hookTimeout: 60_000,
    // What is waited for comes sooner or later: a second, which is usual, decides by the clock on a busy machine.
    expect: { poll: { timeout: 15_000 } },
    reporters: ['default', './scripts/closing-line-reporter.js'],
  },
});
