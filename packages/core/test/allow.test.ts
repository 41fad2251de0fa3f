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

describe('in a user namespace', () => {
  test.runIf(canUnshare)('the id that stands for all whom it does not know is nobody’s', () => {
    const module = JSON.stringify(new URL('../dist/index.js', import.meta.url).href);
    const script = `
      const { isTrusted, isTrustedFile, overflowUid } = await import(${module});
      const id = overflowUid();
      const allow = { uids: [id], gids: [id] };
      console.log(JSON.stringify([
        isTrusted({ pid: 1, uid: id, gid: 1 }, 5, allow),
        isTrusted({ pid: 1, uid: 6, gid: id }, 5, allow),
        isTrusted({ pid: 1, uid: id, gid: id }, id, allow),
        isTrustedFile({ uid: BigInt(id) }, { uids: [6], gids: [] }),
        isTrusted({ pid: 1, uid: 6, gid: 1 }, 5, { uids: [6], gids: [] }),
      ]));`;
    const words = [
      '--user',
      '--map-root-user',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    ];
    expect(JSON.parse(execFileSync('unshare', words, { encoding: 'utf8' }))).toEqual([
      false,
      false,
      false,
      false,
      true,
    ]);
  });
});
