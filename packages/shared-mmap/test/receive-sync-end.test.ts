import { Child, temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';

const folder = temporaryFolder();
const program = new URL('./peers/sync-ender.mjs', import.meta.url);

// That it ends at all is what counts: before, only SIGKILL ended it. `Child` kills what still runs.
describe.each(['napi', 'ffi'])('a worker that sleeps in receiveSync, over %s', (binding) => {
  // Compiled code looks for its own end at fewer places than interpreted code does.
  test.each([
    ['terminate', 0, 3],
    ['terminate', 30_000, 3],
    ['exit', 0, 4],
    ['throw', 0, 1],
  ] as const)('ends: %s, after %i messages (11.10)', async (how, messages, code) => {
    const words = [folder.fresh(), binding, String(messages), how];
    await using child = new Child(program, words, [], how === 'throw' ? 'ignore' : 'inherit');
    expect(await child.exit).toBe(code);
  });

  test('ends by a handler of SIGTERM (11.10)', async () => {
    await using child = new Child(program, [folder.fresh(), binding, '0', 'sigterm']);
    expect(await child.message()).toBe('sleeps');
    await child.end('SIGTERM');
    expect(await child.exit).toBe(5);
  });
});
