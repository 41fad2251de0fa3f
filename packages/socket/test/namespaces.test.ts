import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { socketTransport } from '@pageferry/socket';
import { temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';

const folder = temporaryFolder();
const PROGRAM = fileURLToPath(new URL('./support/meet.mjs', import.meta.url));

/** unshare(1) for a process to which every user is the one that stands for all unknown, itself as well. */
const NOBODY = ['--user'];
/** An id that no system has. */
const STRANGER = 60_004;

const isRoot = process.getuid?.() === 0;
const canUnshare = spawnSync('unshare', [...NOBODY, 'true']).status === 0;

/** What comes of a receiver in namespaces of its own. */
async function met(endpoint: string, options: readonly string[]): Promise<unknown> {
  const child = fork(PROGRAM, [endpoint], {
    execPath: options.length === 0 ? process.execPath : 'unshare',
    execArgv: options.length === 0 ? [] : [...options, process.execPath],
  });
  const exit = once(child, 'exit');
  const [message] = await Promise.race([once(child, 'message'), exit]);
  await exit;
  return message;
}

describe.runIf(isRoot && canUnshare)('where no user is known (needs root)', () => {
  test('the endpoint of a stranger is not taken for one of this user’s', async () => {
    chmodSync(folder.path, 0o777);
    const endpoint = folder.fresh();
    await using _sender = await socketTransport.createSender({ endpoint });
    expect(await met(endpoint, [])).toBe('met');
    // Whoever listens, the file is all that a receiver can look at; the kernel lets everybody connect to this one.
    chownSync(endpoint, STRANGER, STRANGER);
    chmodSync(endpoint, 0o666);
    expect(await met(endpoint, NOBODY)).toBe('ENDPOINT_FORBIDDEN');
  });
});
