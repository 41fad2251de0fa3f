import { execFileSync, spawnSync } from 'node:child_process';
import { fileRightsFor, isTrusted, isTrustedFile } from '@pageferry/core';
import { describe, expect, test } from 'vitest';

const nobodyElse = { uids: [], gids: [] };
const peer = (uid: number, gid = 1) => ({ pid: 71, uid, gid });

describe('whom an endpoint is for', () => {
  test('is its own user, and whom it names', () => {
    expect(isTrusted(peer(5), 5, nobodyElse)).toBe(true);
    expect(isTrusted(peer(6), 5, nobodyElse)).toBe(false);
    expect(isTrusted(peer(0, 0), 5, nobodyElse)).toBe(false);
    expect(isTrusted(peer(6), 5, { uids: [7, 6], gids: [] })).toBe(true);
    expect(isTrusted(peer(6, 9), 5, { uids: [], gids: [9, 10] })).toBe(true);
    expect(isTrusted(peer(9, 6), 5, { uids: [], gids: [9, 10] })).toBe(false);
    expect(isTrusted(undefined, 5, { uids: [5], gids: [5] })).toBe(false);
  });

  test('is told by the owner of a file where nothing else is known', () => {
    const other = 1 + (process.geteuid?.() ?? 0);
    expect(isTrustedFile({ uid: BigInt(other) })).toBe(false);
    expect(isTrustedFile({ uid: BigInt(other) }, { uids: [other], gids: [] })).toBe(true);
    expect(isTrustedFile({ uid: BigInt(other) }, { uids: [], gids: [other] })).toBe(false);
    expect(isTrustedFile({ uid: BigInt(process.geteuid?.() ?? 0) })).toBe(true);
  });

  test('is said by the mode of its file as far as that can say it', () => {
    expect(fileRightsFor(nobodyElse)).toEqual({ mode: 0o600, gid: undefined });
    expect(fileRightsFor({ uids: [], gids: [9] })).toEqual({ mode: 0o660, gid: 9 });
    expect(fileRightsFor({ uids: [], gids: [9, 10] })).toEqual({ mode: 0o666, gid: undefined });
    expect(fileRightsFor({ uids: [5], gids: [9] })).toEqual({ mode: 0o666, gid: undefined });
  });
});

/** Whether a process may have a user namespace of its own here. */
const canUnshare = spawnSync('unshare', ['--user', 'true']).status === 0;

/** What a program tells that runs in a user namespace of its own. */
function toldInUserNamespace(options: readonly string[], body: string): unknown {
  const module = JSON.stringify(new URL('../bundle/index.js', import.meta.url).href);
  const script = `
    const { isTrusted, isTrustedFile, overflowUid } = await import(${module});
    const id = overflowUid();
    console.log(JSON.stringify([${body}]));`;
  const program = [process.execPath, '--input-type=module', '-e', script];
  const words = ['--user', ...options, ...program];
  return JSON.parse(execFileSync('unshare', words, { encoding: 'utf8' }));
}

describe.runIf(canUnshare)('in a user namespace', () => {
  test('the id that stands for all whom it does not know is nobody’s', () => {
    const body = `
      isTrusted({ pid: 1, uid: id, gid: 1 }, 5, { uids: [id], gids: [id] }),
      isTrusted({ pid: 1, uid: 6, gid: id }, 5, { uids: [id], gids: [id] }),
      isTrusted({ pid: 1, uid: id, gid: id }, id, { uids: [id], gids: [id] }),
      isTrustedFile({ uid: BigInt(id) }, { uids: [id], gids: [] }),
      isTrusted({ pid: 1, uid: 6, gid: 1 }, 5, { uids: [6], gids: [] }),
      isTrustedFile({ uid: 6n }, { uids: [6], gids: [] }),
      isTrustedFile({ uid: 5n }),
      isTrustedFile({ uid: 0n })`;
    const expected = [false, false, false, false, true, true, true, false];
    expect(toldInUserNamespace(['--map-user=5'], body)).toEqual(expected);
  });

  test('it is nobody’s either where it is what this process is called itself', () => {
    const body = `
      process.geteuid() === id,
      isTrusted({ pid: 1, uid: id, gid: id }, process.geteuid()),
      isTrustedFile({ uid: BigInt(process.geteuid()) }),
      isTrustedFile({ uid: BigInt(id) }, { uids: [id], gids: [id] })`;
    expect(toldInUserNamespace([], body)).toEqual([true, false, false, false]);
  });
});
