import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { allSucceed, ChildEnded, collectMessages, nextMessage } from '../dist/children.js';
import { endGroup, watchGroup } from '../dist/group.js';
import { runPipeLimit, runSharedLimit } from '../dist/limits.js';
import { buildProgram, runFile } from '../dist/programs.js';

/** A Node process with an IPC channel that does what `code` says. */
function startNode(code: string, detached = false): ChildProcess {
  return spawn(process.execPath, ['-e', code], {
    detached,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
}

/** Whether a process is there, and not just waiting to be reaped by whoever took it over. */
function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

const STAYS = 'process.send("here"); setInterval(() => {}, 1000)';

describe('children', () => {
  test('say something, or end without: then that is the error', async () => {
    expect(await nextMessage(startNode('process.send(7); process.disconnect()'), 'it')).toBe(7);
    const silent = nextMessage(startNode('process.exit(3)'), 'the silent one');
    await expect(silent).rejects.toThrow(new ChildEnded('the silent one', 3));
  });

  test('are not waited for any longer when a signal fires', async () => {
    const child = startNode(STAYS);
    await nextMessage(child, 'it');
    const waiting = nextMessage(child, 'it', AbortSignal.abort());
    await expect(waiting).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
    child.kill('SIGKILL');
    await once(child, 'exit');
  });

  test('are collected from, until all have ended well', async () => {
    const code = 'process.send("a"); process.send("b", () => process.disconnect())';
    const children = [startNode(code), startNode(code)];
    const messages = children.map((child) => collectMessages(child));
    await allSucceed(children);
    expect(messages).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
  });

  test('end when one of them fails', async () => {
    const [stays, fails] = [startNode(STAYS), startNode('process.exit(1)')];
    const exit = once(stays, 'exit');
    await expect(allSucceed([stays, fails])).rejects.toThrow(ChildEnded);
    expect(await exit).toEqual([null, 'SIGTERM']);
  });

  test('that lead a group are ended together with it', async () => {
    const code = `const { spawn } = require('node:child_process');
      const { pid } = spawn('sleep', ['1000'], { stdio: 'inherit' }); process.send(pid);`;
    const leader = startNode(code, true);
    watchGroup(leader);
    const pid = Number(await nextMessage(leader, 'the leader'));
    await endGroup(leader);
    expect(leader.signalCode).toBe('SIGKILL');
    expect(isRunning(pid)).toBe(false);
    await endGroup(leader); // Once more does no harm.
  });

  test('that hold no pipe are waited for, too', async () => {
    // So many take longer to end than their leader.
    const script = 'for i in $(seq 200); do sleep 1000 >/dev/null 2>&1 & echo $!; done; echo; wait';
    const leader = spawn('/bin/sh', ['-c', script], {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    watchGroup(leader);
    let said = '';
    leader.stdout.setEncoding('latin1').on('data', (text) => (said += text));
    await expect.poll(() => said.endsWith('\n\n'), { timeout: 10_000 }).toBe(true);
    await endGroup(leader);
    const ids = said.trim().split('\n').map(Number);
    expect(ids).toHaveLength(200);
    expect(ids.filter(isRunning)).toEqual([]);
  });
});

describe('a program', () => {
  test('is run with its words, and what it prints is the answer', async () => {
    expect(await runFile('/bin/echo', [1, '2.5'])).toBe('1 2.5\n');
  });

  test('that fails is an error, which names it', async () => {
    await expect(runFile('/bin/sh', ['-c', 'exit 4'])).rejects.toThrow('sh -c ended with 4');
    await expect(runFile('/nowhere/program', [])).rejects.toThrow('ENOENT');
  });

  test('is gone, and so are its children, when a signal fires', async () => {
    const controller = new AbortController();
    const reason = new Error('interrupted');
    const note = join(mkdtempSync(join(tmpdir(), 'pageferry-measuring-')), 'pid');
    onTestFinished(() => rmSync(dirname(note), { recursive: true }));
    const script = `sleep 1000 & echo $! > ${note}.new; mv ${note}.new ${note}; wait`;
    const running = runFile('/bin/sh', ['-c', script], controller.signal);
    await expect.poll(() => existsSync(note)).toBe(true);
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    expect(isRunning(Number(readFileSync(note, 'utf8')))).toBe(false);
    await expect(runFile('/bin/echo', [], controller.signal)).rejects.toBe(reason);
  });
});

describe.skipIf((await buildProgram('shm_limit')) === undefined)(
  'in C (needs a compiler), a program',
  () => {
    test('prints what its work took', async () => {
      for (const waiting of ['futex', 'spin']) {
        const { nanoseconds, roundTrip } = await runSharedLimit(['pingpong', 100, waiting]);
        expect(nanoseconds).toBeGreaterThan(0);
        const { p50 = 0, p99 = 0, p999 = 0 } = roundTrip ?? {};
        expect(p50).toBeGreaterThan(0);
        expect([p50, p99, p999]).toEqual([p50, p99, p999].sort((a, b) => a - b));
      }
      expect((await runSharedLimit(['handoff', 64, 1000, 4])).roundTrip).toBeUndefined();
      const work = {
        receive: 'read',
        messageBytes: 4096,
        pieceBytes: 4096,
        totalBytes: 9000,
      } as const;
      expect(await runPipeLimit(work)).toMatchObject({ bytes: 8192 });
    });

    test('ends with the process that has started it, even if that is killed', async () => {
      const program = await buildProgram('shm_limit');
      const code = `const { spawn } = require('node:child_process');
      const words = ['handoff', '64', '1000000000', '4'];
      process.send(spawn(${JSON.stringify(program)}, words, { stdio: 'inherit' }).pid);
      setInterval(() => {}, 1000);`;
      const parent = startNode(code);
      const closed = once(parent, 'close'); // Only when nobody holds its output any more.
      const pid = Number(await nextMessage(parent, 'the parent'));
      expect(isRunning(pid)).toBe(true);
      parent.kill('SIGKILL');
      await closed;
      // It closes its files while it still ends.
      await expect.poll(() => isRunning(pid)).toBe(false);
    });
  },
);
