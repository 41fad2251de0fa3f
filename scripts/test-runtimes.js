// Runs the tests with other runtimes than Node: `pnpm test:runtimes`. Bun and Deno come from the npm registry, into
// node_modules/.cache, unless PAGEFERRY_BUN and PAGEFERRY_DENO name them or they are on the path; about 100 MB each.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { OTHER_RUNTIMES, provideRuntime } from './other-runtimes.js';

for (const runtime of OTHER_RUNTIMES) provideRuntime(runtime);
const root = fileURLToPath(new URL('..', import.meta.url));
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
const { status } = spawnSync(process.execPath, [vitest, 'run', 'test/runtimes/'], {
  cwd: root,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
