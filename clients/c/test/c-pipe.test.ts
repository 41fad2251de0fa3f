import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../../packages/testkit/dist/index.js';
import { vmspliceNapi as vmsplice } from '../../../packages/vmsplice-napi/dist/index.js';
import {
  COMPILING,
  compile,
  hasCompiler,
  hashOf,
  linesOf,
  nextLines,
  start,
  whySkipped,
} from './peer.js';

// A receiver of the pipe transport in C, of a sender in Node.
describe.skipIf(!hasCompiler)(`a receiver of the pipe transport in C${whySkipped}`, () => {
  const folder = temporaryFolder();
  const peer = join(folder.path, 'peer');
  const LENGTHS = [0, 1, 4095, 4096, 4097, 65_536, 65_537, 300_000, 0, 3_000_000];

  beforeAll(() => compile('peer', peer), COMPILING);

  const messages = Array.from({ length: 300 }, (_, tag) => {
    const length = tag < 20 ? (LENGTHS[tag % 10] ?? 0) : (tag * 997) % 9000;
    return Buffer.alloc(length, tag + 1);
  });

  test.each([
    ['in large pieces', ['drain', '1000000', 'read']],
    ['in small pieces, and leaves half of them', ['drain', '1000', 'skip']],
  ])('reads every message: %s', async (_title, [command = '', ...rest]) => {
    const endpoint = folder.fresh();
    await using sender = await vmsplice.createSender({ endpoint });
    const printed = linesOf(start(peer, [command, endpoint, ...rest]));
    await sender.waitForReceivers();
    for (const [tag, bytes] of messages.entries()) await sender.send(bytes, { tag });
    await sender.flush();
    expect(sender.stats().bytesOut).toBe(0);
    await sender.close();
    const lines = messages.map((bytes, tag) => `${tag} ${bytes.length} ${tag} ${hashOf(bytes)}`);
    const read = rest[1] === 'skip' ? lines.filter((_, tag) => tag % 2 === 0) : lines;
    expect(await printed).toEqual([...read, 'end']);
  });

  test('moves them on, and says that their pages are in use elsewhere', async () => {
    const endpoint = folder.fresh();
    await using sender = await vmsplice.createSender({ endpoint });
    const child = start(peer, ['move', endpoint]);
    const hash = createHash('sha256');
    child.stdout?.on('data', (bytes: Buffer) => hash.update(bytes));
    const ended = new Promise((resolve) => child.on('close', resolve));
    await sender.waitForReceivers();
    for (const bytes of messages) await sender.send(bytes);
    await sender.close();
    expect(await ended).toBe(0);
    const expected = createHash('sha256').update(Buffer.concat(messages)).digest('hex');
    expect(hash.digest('hex')).toBe(expected);
  });

  test('sees the death of a sender, after what it has sent', async () => {
    const endpoint = folder.fresh();
    const sender = await vmsplice.createSender({ endpoint });
    const next = nextLines(start(peer, ['drain', endpoint, '1000', 'read']));
    await sender.waitForReceivers();
    await sender.send(Buffer.from('last'), { tag: 9 });
    await sender.flush();
    await sender.destroy();
    expect(await next()).toBe(`0 4 9 ${hashOf(Buffer.from('last'))}`);
    expect(await next()).toBe('error: the other side ended without closing');
  });
});
