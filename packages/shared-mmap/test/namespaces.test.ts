import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openSocketPair } from '@pageferry/connection';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { sharedMmap } from '@pageferry/shared-mmap';
import { temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { LIMIT } from './support/stage.js';

const calls = loadLinuxCalls();
const folder = temporaryFolder();
const PROGRAM = fileURLToPath(new URL('./peers/info.mjs', import.meta.url));

/** unshare(1) for a process that knows no process but its own children. */
const ALONE = ['--pid', '--fork', '--kill-child'];
/** For one to which every user is 65534, itself as well, which then is said to be itself. */
const NOBODY = ['--user', '--map-user=65534', '--map-group=65534'];

const canUnshare = (options: readonly string[]): boolean =>
  spawnSync('unshare', [...options, 'true']).status === 0;

/** Starts the program in namespaces of its own; it is killed at the end. */
function start(options: readonly string[], words: readonly string[], fd?: number) {
  const child: ChildProcess = fork(PROGRAM, words, {
    execPath: 'unshare',
    execArgv: [...options, process.execPath],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...(fd === undefined ? [] : [fd])],
  });
  const exit = once(child, 'exit');
  return {
    /** The next thing that it says. */
    said: async (): Promise<unknown> => (await once(child, 'message'))[0],
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

describe.runIf(canUnshare(ALONE))('a sender in a pid namespace of its own (needs root)', () => {
  const known = { uid: process.getuid?.(), gid: process.getgid?.() };

  test('does not know the process id of a receiver outside of it (11.26)', async () => {
    const endpoint = folder.fresh();
    await using sender = start(ALONE, ['sender', endpoint]);
    expect(await sender.said()).toBe('bound');
    const told = sender.said();
    await using _receiver = await sharedMmap.createReceiver({ endpoint, ...LIMIT });
    expect(await told).toEqual(known);
  });

  test('does not know it over an inherited socket either (11.26)', async () => {
    const { ours, childs } = openSocketPair(calls);
    await using sender = start(ALONE, ['sender', 'fd:4'], childs.fd);
    childs.close();
    expect(await sender.said()).toBe('bound');
    const told = sender.said();
    const endpoint = `fd:${ours.release()}`;
    await using _receiver = await sharedMmap.createReceiver({ endpoint, ...LIMIT });
    expect(await told).toEqual(known);
  });
});

/** For a process that gets no memory file that could be run, which is a setting of a pid namespace. */
const STRICT = [...ALONE, 'sh', '-c', 'echo 2 > /proc/sys/vm/memfd_noexec && exec "$@"', 'sh'];

describe.runIf(canUnshare(STRICT))(
  'where no memory file may be run (needs root, Linux 6.3)',
  () => {
    test.each([100, 1_000_000])('%i bytes are sent and received (11.22)', async (byteLength) => {
      await using both = start(STRICT, ['exchange', folder.fresh(), String(byteLength)]);
      expect(await both.said()).toBe(byteLength);
    });
  },
);

describe.runIf(canUnshare(NOBODY))('where every user has the number of nobody (needs root)', () => {
  test('nobody is trusted: it may be anybody (11.26)', async () => {
    chmodSync(folder.path, 0o777);
    await using both = start(NOBODY, ['both', folder.fresh()]);
    expect(await both.said()).toBe('ENDPOINT_FORBIDDEN');
  });

  test('an inherited socket is permission enough (11.26)', async () => {
    const { ours, childs } = openSocketPair(calls);
    await using sender = start(NOBODY, ['sender', 'fd:4'], childs.fd);
    childs.close();
    expect(await sender.said()).toBe('bound');
    const told = sender.said();
    const endpoint = `fd:${ours.release()}`;
    await using _receiver = await sharedMmap.createReceiver({ endpoint, ...LIMIT });
    expect(await told).toMatchObject({ pid: process.pid, uid: 65534 });
  });
});
