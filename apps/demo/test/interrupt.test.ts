import { readdirSync, readFileSync, statSync, truncateSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BACKENDS, type Demo, demo, folder, inFolder, left } from './cli.js';

const SIGNALS = [
  { signal: 'SIGINT', status: 130 },
  { signal: 'SIGTERM', status: 143 },
] as const;

describe.each(BACKENDS)('over $backend', ({ backend, possible }) => {
  const sender = (...args: string[]) => demo('send', '--backend', backend, ...args);
  const receiver = (...args: string[]) => demo('receive', '--backend', backend, ...args);

  it.skipIf(!possible).for(SIGNALS)('$signal ends a wait', async ({ signal, status }) => {
    const sending = sender('/dev/zero');
    const elsewhere = ['--endpoint', inFolder('elsewhere')];
    const receiving = receiver('--out', inFolder('out'), ...elsewhere);
    await Promise.all([sending.said('Waiting'), receiving.said('Waiting')]);
    sending.process.kill(signal);
    receiving.process.kill(signal);
    expect(await sending.ended).toMatchObject({ code: status });
    expect(await receiving.ended).toMatchObject({ code: status });
    expect(left()).toEqual([]);
  });

  it.skipIf(!possible).for(SIGNALS)('$signal ends a sender', async ({ signal, status }) => {
    const receiving = receiver('--out', '/dev/null');
    const sending = sender('/dev/zero');
    await Promise.all([receiving.said('Receiving'), sending.said('Sending')]);
    sending.process.kill(signal);
    expect(await sending.ended).toMatchObject({ code: status });
    expect(await receiving.ended).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('PEER_DIED'),
    });
    expect(left()).toEqual([]);
  });

  it.skipIf(!possible)('a signal ends a sender whose stdin is silent', async () => {
    const receiving = receiver('--out', '-');
    const sending = sender('-');
    sending.process.stdin.write('a part');
    await receiving.wroteSomething();
    sending.process.kill('SIGINT');
    expect(await sending.ended).toMatchObject({ code: 130 });
    expect(await receiving.ended).toMatchObject({ code: 1 });
  });

  it.skipIf(!possible).for(SIGNALS)('$signal ends a receiver', async ({ signal, status }) => {
    const receiving = receiver('--out', inFolder('out'));
    const sending = sender('-');
    sending.process.stdin.write('a part');
    await Promise.all([receiving.said('Receiving'), sending.said('Sending')]);
    receiving.process.kill(signal);
    expect(await receiving.ended).toMatchObject({ code: status });
    sending.process.stdin.end('the rest');
    expect(await sending.ended).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('PEER_DIED'),
    });
    expect(left()).toEqual([]);
  });

  it.skipIf(!possible).for(SIGNALS)('$signal ends the runner', async ({ signal, status }) => {
    const running = await runnerInTheMiddle(backend);
    running.process.kill(signal);
    const { code, stdout } = await running.ended; // And so have the processes that it started.
    expect(code).toBe(status);
    expect(stdout.toString()).toBe('');
    expect(left()).toEqual(['in']);
  });

  it.skipIf(!possible)('both processes end when the runner is killed', async () => {
    const running = await runnerInTheMiddle(backend);
    running.process.kill('SIGKILL');
    await running.ended;
    const [remains] = left().filter((name) => name.startsWith('pageferry-demo-'));
    // Nobody was left to remove the folder, but the two processes removed what was theirs.
    expect(readdirSync(inFolder(remains ?? ''))).toEqual([]);
  });

  it.skipIf(process.platform !== 'linux')('the runner tells which process was killed', async () => {
    const running = await runnerInTheMiddle(backend);
    const [sending] = childrenOf(running);
    process.kill(sending as number, 'SIGKILL');
    const { code, stderr } = await running.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^${backend}: failed: (CHILD_ENDED|PEER_DIED): .*$`, 'm'));
    expect(left()).toEqual(['in']);
  });
});

/** A runner of which the receiver has begun to write. */
async function runnerInTheMiddle(backend: string): Promise<Demo> {
  writeFileSync(inFolder('in'), '');
  truncateSync(inFolder('in'), 2 ** 29);
  const running = demo('--json', '--backend', backend, '--file', inFolder('in'));
  const own = await found(folder, (name) => name.startsWith('pageferry-demo-'));
  await found(join(folder, own), (name) => {
    const status = statSync(join(folder, own, name), { throwIfNoEntry: false });
    return name.endsWith('.part') && status !== undefined && status.size > 0;
  });
  return running;
}

/**
 * Resolves to the first name in a folder that `isIt`, now or after a change. Not recursive: Node's
 * recursive watch throws where nobody can catch it when a folder is gone before it gets there.
 */
function found(path: string, isIt: (name: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const look = (name: string | null): void => {
      if (name === null || !isIt(name)) return;
      watcher.close();
      resolve(name);
    };
    const watcher = watch(path, (_event, name) => look(name));
    watcher.on('error', reject);
    for (const name of readdirSync(path)) look(name); // What was there before the watcher.
  });
}

function childrenOf({ process }: Demo): number[] {
  const list = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
  return list.trim().split(' ').map(Number);
}
