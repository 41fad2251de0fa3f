import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openSocketPair, sharedMmap } from '../../../packages/shared-mmap/dist/index.js';
import { temporaryFolder } from '../../../packages/testkit/dist/index.js';
import { COMPILING, compile, hasCompiler, linesOf, nextLines, start, whySkipped } from './peer.js';

// A listener in C, to which programs in Node and in C connect.
describe.skipIf(!hasCompiler)(`a listener in C${whySkipped}`, () => {
  const folder = temporaryFolder();
  const peer = join(folder.path, 'peer');

  beforeAll(() => compile('peer', peer), COMPILING);

  async function listening(endpoint: string, count: number) {
    const next = nextLines(start(peer, ['listen', endpoint, `${count}`]));
    expect(await next()).toBe('open');
    return next;
  }

  test('accepts channels of programs in Node, and answers them', async () => {
    const endpoint = folder.fresh();
    const next = await listening(endpoint, 2);
    for (let round = 0; round < 2; round++) {
      const channel = await sharedMmap.connect({ endpoint });
      for (const byteLength of [0, 1, 4096, 70_000, 3_000_000]) {
        using answer = await channel.request(Buffer.alloc(byteLength, 41));
        expect(answer.byteLength).toBe(byteLength);
        expect(answer.bytes.every((byte) => byte === 42)).toBe(true);
      }
      const asked = Array.from({ length: 3000 }, (_, tag) =>
        channel.request(Buffer.from([tag & 0x7f]), { tag: tag + 10 }),
      );
      for (const [tag, asking] of asked.entries()) {
        using answer = await asking;
        expect([answer.tag, answer.bytes[0]]).toEqual([tag + 10, (tag & 0x7f) + 1]);
      }
      await expect(channel.request(Buffer.from('?'), { tag: 2 })).rejects.toMatchObject({
        code: 'REQUEST_UNANSWERED',
      });
      // The second one leaves without an end.
      await (round === 0 ? channel.close() : channel.destroy());
      expect(await next()).toBe(
        round === 0 ? 'end' : 'error: the other side ended without closing',
      );
    }
    expect(await next()).toBe('listened: done');
  });

  test('and one in C', async () => {
    const endpoint = folder.fresh();
    const next = await listening(endpoint, 1);
    const lines = await linesOf(start(peer, ['ask', endpoint, '1000', '300']));
    expect(lines.filter((line) => / 0 \d+ 300 /.test(line)).length).toBe(998);
    expect(lines[1]).toMatch(/^1 -11 /);
    expect(lines[2]).toMatch(/^2 -10 /);
    expect(lines.at(-1)).toBe('done');
    expect(await next()).toBe('end');
  });

  test('over an inherited socket', async () => {
    const { ours, childs } = await openSocketPair();
    const child = start(peer, ['listen', 'fd:3', '2'], ['ignore', 'pipe', 'inherit', childs.fd]);
    childs.close();
    const channel = await sharedMmap.connect({ endpoint: `fd:${ours.release()}` });
    using answer = await channel.request(Buffer.from([1]));
    expect([...answer.bytes]).toEqual([2]);
    answer.release();
    await channel.close();
    const next = nextLines(child);
    expect([await next(), await next()]).toEqual(['open', 'end']);
    expect(await next()).toBe('listened: the other side has ended in good order');
  });

  test('refuses a receiver, which wants a sender', async () => {
    const endpoint = folder.fresh();
    await listening(endpoint, 1);
    await expect(sharedMmap.createReceiver({ endpoint })).rejects.toMatchObject({
      code: 'TRANSPORT_MISMATCH',
    });
  });
});
