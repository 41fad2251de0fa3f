import type { Channel, ListenOptions, WaitOptions } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { Child } from './child.js';
import { withCode } from './errors.js';
import { expectNothingLeft } from './process-state.js';

const PROGRAM = new URL('./programs/channel-peer.js', import.meta.url);

/** What the tests use of a pair. */
interface ChannelPair extends AsyncDisposable {
  readonly childs: { readonly fd: number; close(): void };
  accept(options?: WaitOptions): Promise<Channel>;
}

/** A backend that makes pairs, and where a child finds it. */
export interface ChannelPairs {
  readonly channelPair: (options?: Omit<ListenOptions, 'endpoint'>) => Promise<ChannelPair>;
  /** The module that the child imports. */
  readonly moduleUrl: string;
  /** What of that module is the transport. */
  readonly exportName: string;
}

/** What holds for a channel that a process makes to a child of its own. */
export function describeChannelPairs({ channelPair, moduleUrl, exportName }: ChannelPairs): void {
  /** The child gets its end behind the three standard streams and the IPC channel. */
  const startChild = (pair: ChannelPair): Child =>
    new Child(PROGRAM, [moduleUrl, exportName, 'connect', 'fd:4', 'echo'], [pair.childs.fd]);

  describe('a pair for a parent and its child', () => {
    expectNothingLeft();

    test('is a channel like any other, and gives everything back when that is closed', async () => {
      const pair = await channelPair();
      await using child = startChild(pair);
      pair.childs.close();
      const channel = await pair.accept({ timeout: 20_000 });
      const answer = await channel.request(new Uint8Array(12_345).fill(7));
      expect(answer.copy().equals(Buffer.alloc(12_345, 7))).toBe(true);
      answer.release();
      await channel.close();
      expect(await child.exit).toBe(0);
    });

    test('whose child dies says so', async () => {
      const pair = await channelPair();
      await using child = startChild(pair);
      pair.childs.close();
      const channel = await pair.accept({ timeout: 20_000 });
      await child.end('SIGKILL');
      await expect(channel.receive()).rejects.toEqual(withCode('PEER_DIED'));
      await channel.close();
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
}
