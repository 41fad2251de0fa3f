import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { installProject } from './install-project.js';

// Each tool runs a project of its own in a temporary folder, in which the built packages are installed:
// over every backend, a message crosses, and calls that wait for what does not come end.
// SURROUNDINGS_NODE names another Node to run them with.
const NODE = process.env['SURROUNDINGS_NODE'] ?? process.execPath;
const JEST = [
  'node_modules/jest/bin/jest.js',
  '--rootDir',
  '.',
  '--transform',
  '{}',
  '--colors=false',
];
const JEST_MATCH = ['--testMatch', '**/*.test.js', '--testMatch', '**/*.test.cjs'];
const VITEST = ['node_modules/vitest/vitest.mjs', 'run', '--root', '.'];

const projects: string[] = [];
afterEach(() => {
  for (const project of projects.splice(0)) rmSync(project, { recursive: true });
});

async function run(tool: string, args: readonly string[], signal: AbortSignal, options = '') {
  const project = installProject(tool);
  projects.push(project);
  const child = spawn(NODE, args, {
    cwd: project,
    env: { ...process.env, PROJECT_FOLDER: project, NODE_OPTIONS: options, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGKILL',
  });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const [status] = await once(child, 'close');
  return { status, output: (await output).join('') };
}

describe('in other surroundings', { timeout: 120_000 }, () => {
  test.for(['imported-first.js', 'imported-late.js'])(
    "under sinon's fake timers, %s (11.9)",
    async (program, { signal }) => {
      const { status, output } = await run('sinon', [program], signal);
      expect({ status, output }).toEqual({ status: 0, output: '' });
    },
  );

  test.for(['node', 'jsdom', 'happy-dom'])(
    'in vitest with the environment %s, with and without fake timers (11.9, 11.18)',
    async (environment, { signal }) => {
      const args = [...VITEST, '--environment', environment];
      const { status, output } = await run('vitest', args, signal);
      expect(output).toMatch(/Tests +9 passed/);
      expect(status).toBe(0);
    },
  );

  test("in vitest's vm contexts, with and without fake timers (11.9, 11.18)", async ({
    signal,
  }) => {
    const args = [...VITEST, '--pool', 'vmForks', 'exchange'];
    const { status, output } = await run('vitest', args, signal);
    expect(output).toMatch(/Tests +8 passed/);
    expect(status).toBe(0);
  });

  test.for(['node', 'jsdom'])(
    'in Jest 29 with the environment %s, with and without fake timers (11.9, 11.18)',
    async (environment, { signal }) => {
      const args = [...JEST, ...JEST_MATCH, '--testEnvironment', environment];
      const { status, output } = await run('jest', args, signal, '--experimental-vm-modules');
      expect(output).toMatch(/^Tests: +10 passed/m);
      expect(status).toBe(0);
    },
  );
});
