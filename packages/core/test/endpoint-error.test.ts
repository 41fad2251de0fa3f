import { endpointError, nodeCallFailed, PageferryError, seekSender } from '@pageferry/core';
import { describe, expect, test } from 'vitest';

const place = { given: './endpoint', absolute: '/nowhere/endpoint' };
const ofNode = (code: string) => Object.assign(new Error(`connect ${code}`), { code, errno: -1 });
const ofLinux = (errnoName: string) =>
  new PageferryError('SYSTEM_CALL_FAILED', `connect: ${errnoName}`, { errnoName, errno: 1 });

describe('a call that fails at an endpoint', () => {
  test.each([
    ['ENAMETOOLONG', 'ENDPOINT_TOO_LONG'],
    ['EADDRINUSE', 'ENDPOINT_IN_USE'],
    ['EEXIST', 'ENDPOINT_IN_USE'],
    ['EACCES', 'ENDPOINT_FORBIDDEN'],
    ['EPERM', 'ENDPOINT_FORBIDDEN'],
    ['EROFS', 'ENDPOINT_FORBIDDEN'],
    ['ENOENT', 'ENDPOINT_INVALID'],
    ['ENOTDIR', 'ENDPOINT_INVALID'],
    ['ELOOP', 'ENDPOINT_INVALID'],
    ['ENOTSOCK', 'ENDPOINT_INVALID'],
    ['EIO', 'SYSTEM_CALL_FAILED'],
    ['toString', 'SYSTEM_CALL_FAILED'],
  ] as const)('with %s is %s, whoever made it', (errnoName, code) => {
    for (const cause of [ofNode(errnoName), ofLinux(errnoName)]) {
      const error = endpointError(cause, place);
      expect(error).toMatchObject({ code, errnoName, errno: 1 });
      if (code === 'SYSTEM_CALL_FAILED') continue;
      expect(error.message).toContain(': ./endpoint');
      expect(error.cause).toBe(cause);
    }
  });

  test.each([
    [{ permission: 'FileSystemWrite', resource: '/nowhere/.pf-1/s' }, '--allow-fs-write=/nowhere'],
    [{ permission: 'FileSystemRead' }, '--allow-fs-read=/nowhere'],
    [{ permission: 'Net' }, '--allow-net'],
    [{ message: 'connect: restricted. Use --allow-net to manage permissions.' }, '--allow-net'],
    [{ permission: 'Tomorrow' }, '--permission'],
  ])('that the permission model forbids (%j) names the option', (details, option) => {
    const cause = Object.assign(new Error('denied'), { code: 'ERR_ACCESS_DENIED' }, details);
    const error = endpointError(cause, place);
    expect(error).toMatchObject({ code: 'ENDPOINT_FORBIDDEN', cause });
    expect(error.message).toMatch(new RegExp(`endpoint ./endpoint without ${option}$`));
    const elsewhere = nodeCallFailed(cause);
    expect(elsewhere).toMatchObject({ code: 'SYSTEM_CALL_FAILED', errno: 13, errnoName: 'EACCES' });
    expect(elsewhere.message).toContain(option.split('=')[0]);
  });

  test('with an error of its own keeps that', () => {
    const closed = new PageferryError('CLOSED', 'closed');
    expect(endpointError(closed, place)).toBe(closed);
  });
});

describe('a search for a sender', () => {
  const over = new PageferryError('TIMEOUT', 'timed out after 1 ms: no sender');

  /** What a search says whose time is over when `look` has looked once. */
  async function told(look: Parameters<typeof seekSender>[1]): Promise<unknown> {
    const controller = new AbortController();
    const searching = seekSender(controller.signal, async (search) => {
      await look(search);
      controller.abort(over);
      return undefined;
    });
    return searching.catch((error: Error) => error.message);
  }

  test('that runs out of time says what it has found last', async () => {
    expect(await told(async () => undefined)).toBe(over.message);
    expect(await told(async (search) => search.failed('ENOENT'))).toBe(
      `${over.message}: there is no such file`,
    );
    expect(await told(async (search) => search.connected(7))).toBe(
      `${over.message}: somebody listens there (pid 7) and has said nothing`,
    );
  });

  test('goes on where there may be a sender later, and ends with what it finds', async () => {
    const answers = ['ENOENT', 'ECONNREFUSED', 'EAGAIN', 'ECONNRESET', 'EPIPE'];
    const found = await seekSender(undefined, async (search) => {
      const code = answers.shift();
      if (code === undefined) return 'found';
      expect(search.failed(code)).toBe(true);
      return undefined;
    });
    expect(found).toBe('found');
    await seekSender(undefined, async (search) => search.failed('EACCES') === false);
  });
});
