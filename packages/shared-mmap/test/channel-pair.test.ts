import { channelPair } from '@pageferry/shared-mmap';
import { Child, expectNothingLeft, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';

const PAIRED = new URL('peers/paired.mjs', import.meta.url);

describe('a pair for a parent and its child', () => {
  expectNothingLeft();

  test('is a channel like any other, and gives everything back when that is closed', async () => {
    const pair = await channelPair();
    await using child = new Child(PAIRED, [], [pair.childs.fd]);
    pair.childs.close();
    const channel = await pair.accept({ timeout: 20_000 });
    const answer = await channel.request(new Uint8Array(12_345));
    expect(Buffer.from(answer.bytes).toString()).toBe('12345');
    answer.release();
    await channel.close();
    expect(await child.exit).toBe(0);
  });

  test('whose child never comes says so', async () => {
    const pair = await channelPair();
    await expect(pair.accept({ timeout: 20 })).rejects.toEqual(withCode('TIMEOUT'));
    pair.childs.close();
    await expect(pair.accept()).rejects.toEqual(withCode('PEER_DIED'));
  });

  test('can be given up', async () => {
    await using pair = await channelPair();
    expect(pair.childs.fd).toBeGreaterThan(2);
  });

  test('that cannot be made leaves nothing behind', async () => {
    await expect(channelPair({ poolBytes: 0 })).rejects.toEqual(withCode('INVALID_ARGUMENT'));
  });
});
