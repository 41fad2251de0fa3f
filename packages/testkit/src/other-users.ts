import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Allow, Transport } from '@pageferry/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withCode } from './errors.js';

/** What a program of another user does. */
export interface OtherUserTask {
  readonly role: 'send' | 'listen' | 'receive' | 'connect';
  readonly endpoint: string;
  readonly allow: Allow | undefined;
  readonly uid: number;
  readonly gid: number;
  /** Its other groups. */
  readonly groups: readonly number[];
}

/** A transport, where children find it, and what it can tell. */
export interface SharedEndpoints {
  readonly transport: Transport;
  readonly moduleUrl: string;
  readonly exportName: string;
  /** Whether it knows who has connected. Where Node makes the sockets, it does not. */
  readonly knowsWho: boolean;
}

type User = Pick<OtherUserTask, 'uid' | 'gid' | 'groups'>;

// Ids that no system has: nobody has to be made for them.
const SERVICE: User = { uid: 60_001, gid: 60_001, groups: [60_010] };
const FRIEND: User = { uid: 60_002, gid: 60_002, groups: [] };
const MEMBER: User = { uid: 60_003, gid: 60_003, groups: [60_010] };
const ROOT: User = { uid: 0, gid: 0, groups: [] };
const STRANGER: User = { uid: 60_004, gid: 60_004, groups: [] };
const GROUP = 60_010;
const PROGRAM = fileURLToPath(new URL('./programs/other-user.js', import.meta.url));

/** What holds where an endpoint is for other users too (the option `allow`). */
export function describeOtherUsers(where: SharedEndpoints): void {
  const { transport, moduleUrl, exportName, knowsWho } = where;

  describe('an endpoint for other users', () => {
    const children: ChildProcess[] = [];
    let folder = '';
    let endpoint = '';

    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'pageferry-shared-'));
      chmodSync(folder, 0o1777); // As /tmp.
      endpoint = join(folder, 'endpoint');
    });
    afterEach(async () => {
      for (const child of children.splice(0)) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      rmSync(folder, { recursive: true });
    });

    /** What somebody tells of what it has tried. */
    async function told(user: User, role: OtherUserTask['role'], allow?: Allow): Promise<unknown> {
      const task: OtherUserTask = { role, endpoint, allow, ...user };
      const words = [moduleUrl, exportName, JSON.stringify(task)];
      const child = fork(PROGRAM, words, { execArgv: [], cwd: '/' });
      children.push(child);
      const [message] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
      return message;
    }

    const isRoot = process.getuid?.() === 0;
    const asRoot = test.runIf(isRoot);
    const asRootWhoKnows = test.runIf(isRoot && knowsWho);
    const where = { uids: [SERVICE.uid] };

    asRootWhoKnows('lets in the users that it names, and nobody else (needs root)', async () => {
      const allow = { uids: [FRIEND.uid] };
      expect(await told(SERVICE, 'send', allow)).toBe('listening');
      expect(statSync(endpoint).mode & 0o777).toBe(0o666);
      expect(await told(FRIEND, 'receive', where)).toBe('from the sender');
      expect(await told(SERVICE, 'receive')).toBe('from the sender');
      expect(await told(STRANGER, 'receive', where)).toBe('PEER_REJECTED');
    });

    asRootWhoKnows('lets in users of several groups by their own group (needs root)', async () => {
      expect(await told(SERVICE, 'send', { gids: [FRIEND.gid, GROUP] })).toBe('listening');
      expect(await told(FRIEND, 'receive', where)).toBe('from the sender');
      expect(await told(FRIEND, 'receive', { gids: [SERVICE.gid] })).toBe('from the sender');
      expect(await told(STRANGER, 'receive', where)).toBe('PEER_REJECTED');
    });

    asRoot('lets in whoever has one group, the kernel says who (needs root)', async () => {
      expect(await told(SERVICE, 'send', { gids: [GROUP] })).toBe('listening');
      const { mode, gid } = statSync(endpoint);
      expect([mode & 0o777, gid]).toEqual([0o660, GROUP]);
      expect(await told(MEMBER, 'receive', where)).toBe('from the sender');
      expect(await told(STRANGER, 'receive', where)).toBe('ENDPOINT_FORBIDDEN');
    });

    asRoot('has channels as well (needs root)', async () => {
      expect(await told(SERVICE, 'listen', { gids: [GROUP] })).toBe('listening');
      expect(await told(MEMBER, 'connect', where)).toBe('from the listener');
      expect(await told(STRANGER, 'connect', where)).toBe('ENDPOINT_FORBIDDEN');
    });

    asRoot('is connected to only by those who say whose it may be (needs root)', async () => {
      expect(await told(SERVICE, 'send', { gids: [GROUP] })).toBe('listening');
      expect(await told(MEMBER, 'receive')).toBe('ENDPOINT_FORBIDDEN');
      expect(await told(MEMBER, 'receive', { uids: [FRIEND.uid] })).toBe('ENDPOINT_FORBIDDEN');
    });

    asRoot("is root's only for those who say so (needs root)", async () => {
      expect(await told(ROOT, 'send', { gids: [GROUP] })).toBe('listening');
      expect(await told(MEMBER, 'receive')).toBe('ENDPOINT_FORBIDDEN');
      expect(await told(MEMBER, 'receive', { uids: [ROOT.uid] })).toBe('from the sender');
    });

    asRoot('cannot be given a group that its maker is not in (needs root)', async () => {
      expect(await told(FRIEND, 'send', { gids: [GROUP] })).toBe('ENDPOINT_FORBIDDEN');
      expect(await told(FRIEND, 'send')).toBe('listening'); // Nothing is left in the way.
    });

    asRoot("is its own user's alone unless it says otherwise (needs root)", async () => {
      expect(await told(SERVICE, 'send', { uids: [], gids: [] })).toBe('listening');
      expect(statSync(endpoint).mode & 0o777).toBe(0o600);
      expect(await told(MEMBER, 'receive', where)).toBe('ENDPOINT_FORBIDDEN');
    });

    test.skipIf(knowsWho)('cannot be for users where Node makes the sockets', async () => {
      for (const allow of [{ uids: [1] }, { gids: [1, 2] }]) {
        await expect(transport.createSender({ endpoint, allow })).rejects.toEqual(
          withCode('NOT_SUPPORTED'),
        );
      }
    });

    test.each([
      ['a name', 'a-name', { uids: [1] }],
      ['ids that nobody has', './endpoint', { uids: [-1] }],
      ['the id that stands for none', './endpoint', { gids: [2 ** 32 - 1] }],
      ['words', './endpoint', { uids: ['root'] as unknown as number[] }],
      ['another option', './endpoint', { users: [1] } as Allow],
    ])('takes no %s', async (_, path, allow) => {
      const refused = withCode('INVALID_ARGUMENT');
      await expect(transport.createSender({ endpoint: path, allow })).rejects.toEqual(refused);
      await expect(transport.listen({ endpoint: path, allow })).rejects.toEqual(refused);
      const options = { endpoint: path, allow, timeout: 1 };
      await expect(transport.createReceiver(options)).rejects.toEqual(refused);
      await expect(transport.connect(options)).rejects.toEqual(refused);
    });
  });
}
