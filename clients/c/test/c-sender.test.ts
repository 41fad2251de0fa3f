import { existsSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  inspect,
  openSocketPair,
  type SharedMmapReceiverOptions,
  sharedMmap,
} from '../../../packages/shared-mmap/dist/index.js';
import { temporaryFolder } from '../../../packages/testkit/dist/index.js';
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

type Receiver = Awaited<ReturnType<typeof sharedMmap.createReceiver>>;

// A sender in C, with receivers in Node and in C.
describe.skipIf(!hasCompiler)(`a sender in C${whySkipped}`, () => {
  const folder = temporaryFolder();
  const peer = join(folder.path, 'peer');

  beforeAll(() => compile('peer', peer), COMPILING);

  const lengthOf = (number: number, longest: number): number =>
    number % 7 === 0 ? longest : number % 200;

  interface Sending {
    readonly endpoint?: string;
    readonly receivers: number;
    readonly count: number;
    readonly longest?: number;
    readonly history?: number;
    readonly end?: 'close' | 'abort';
  }

  /** Starts a sender, and waits until it listens. */
  async function sending(options: Sending) {
    const { endpoint = folder.fresh(), receivers, count, longest = 5000 } = options;
    const { history = 0, end = 'close' } = options;
    const args = [endpoint, receivers, count, longest, history, end].map(String);
    const child = start(peer, ['send', ...args]);
    const next = nextLines(child);
    expect(await next()).toBe('open');
    return { endpoint, child, next, end: () => child.stdin?.end() };
  }

  /** Takes everything that comes, and checks it: the numbers that came. */
  async function takeAll(
    receiver: Receiver,
    longest: number,
    onEach: (number: number) => unknown = () => undefined,
  ): Promise<readonly number[]> {
    const numbers: number[] = [];
    for await (using message of receiver) {
      const { tag, bytes } = message;
      expect(bytes.length).toBe(lengthOf(tag, longest));
      expect(bytes.every((byte) => byte === (tag & 0xff))).toBe(true);
      numbers.push(tag);
      await onEach(tag);
    }
    return numbers;
  }

  const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);

  test('every message to all who must not miss it, and to the others what they take', async () => {
    const sender = await sending({ receivers: 4, count: 6000, longest: 70_000 });
    const open = (options: Partial<SharedMmapReceiverOptions> = {}): Promise<Receiver> =>
      sharedMmap.createReceiver({ endpoint: sender.endpoint, ...options });
    const receivers = await Promise.all([
      open(),
      open({ queueDepth: 3 }),
      open({ whenBehind: 'drop-oldest', queueDepth: 4 }),
      open({ whenBehind: 'drop-newest' }),
    ]);
    const taken = receivers.map((receiver) => takeAll(receiver, 70_000));
    expect(await sender.next()).toBe('sent: done');
    sender.end();
    const [first, second, oldest = [], newest = []] = await Promise.all(taken);
    expect(first).toEqual(upTo(6000));
    expect(second).toEqual(upTo(6000));
    for (const numbers of [oldest, newest]) {
      expect(numbers).toEqual(numbers.toSorted((one, other) => one - other));
      expect(new Set(numbers).size).toBe(numbers.length);
    }
    // What it misses are the oldest ones.
    expect(oldest.at(-1)).toBe(5999);
    const missed = receivers.map((receiver) => receiver.stats().messagesDropped);
    expect(missed).toEqual([0, 0, 6000 - oldest.length, 6000 - newest.length]);
    for (const receiver of receivers) await receiver.close();
  });

  test('deliveries that are held, and given back in any order', async () => {
    const sender = await sending({ receivers: 1, count: 5000 });
    const receiver = await sharedMmap.createReceiver({ endpoint: sender.endpoint });
    const held: { readonly tag: number; release(): void }[] = [];
    for (let number = 0; number < 5000; number++) {
      const message = await receiver.receive();
      expect(message?.tag).toBe(number);
      if (message) held.push(message);
      // Every third one stays for longer; the others go back newest first.
      if (held.length < 400) continue;
      const [kept, back] = [
        held.filter(({ tag }) => tag % 3 === 0),
        held.filter(({ tag }) => tag % 3 !== 0),
      ];
      for (const message of back.toReversed()) message.release();
      for (const message of kept.splice(0, kept.length >> 1)) message.release();
      held.splice(0, held.length, ...kept);
    }
    for (const message of held) message.release();
    expect(await sender.next()).toBe('sent: done');
    sender.end();
    expect(await receiver.receive()).toBeUndefined();
    expect(await sender.next()).toBe('receiver 0: policy 0, 0 behind, 0 dropped');
    await receiver.close();
  });

  test('the last messages to those who come later, and what is sent afterwards', async () => {
    const sender = await sending({ receivers: 0, count: 500, history: 100 });
    expect(await sender.next()).toBe('sent: done');
    for (const [options, from] of [
      [{}, 400],
      [{ queueDepth: 10 }, 490],
      [{ whenBehind: 'drop-oldest' }, 400],
    ] as const) {
      await using receiver = await sharedMmap.createReceiver({
        endpoint: sender.endpoint,
        ...options,
      });
      for (let number = from; number < 500; number++) {
        using message = await receiver.receive();
        expect([message?.tag, message?.sequence]).toEqual([number, number]);
      }
    }
    sender.end();
    while ((await sender.next()) !== undefined);
    expect(existsSync(sender.endpoint)).toBe(false);
  });

  test('an end without a close is its death', async () => {
    const sender = await sending({ receivers: 1, count: 3, end: 'abort' });
    await using receiver = await sharedMmap.createReceiver({ endpoint: sender.endpoint });
    expect(await sender.next()).toBe('sent: done');
    sender.end();
    const numbers: number[] = [];
    await expect(
      (async () => {
        for await (using message of receiver) numbers.push(message.tag);
      })(),
    ).rejects.toMatchObject({ code: 'PEER_DIED' });
    expect(numbers).toEqual([0, 1, 2]);
  });

  test('what a receiver held that was killed is had back', async () => {
    const sender = await sending({ receivers: 2, count: 3000, longest: 400_000 });
    const dying = start(peer, ['receive', sender.endpoint, '0', '0', '1000']);
    const line = nextLines(dying);
    await using receiver = await sharedMmap.createReceiver({ endpoint: sender.endpoint });
    const numbers = takeAll(receiver, 400_000, async (number) => {
      if (number !== 20) return;
      await line();
      dying.kill('SIGKILL');
    });
    expect(await sender.next()).toBe('sent: done');
    sender.end();
    expect(await numbers).toEqual(upTo(3000));
    expect(await sender.next()).toMatch(/^receiver [01]: policy 0, 0 behind, 0 dropped$/);
    expect(await sender.next()).toBe('done');
  });

  test('receivers in C, of each policy', async () => {
    const sender = await sending({ receivers: 3, count: 400 });
    const printed = ['0', '1', '2'].map((policy) =>
      linesOf(start(peer, ['receive', sender.endpoint, policy, '0', '0'])),
    );
    expect(await sender.next()).toBe('sent: done');
    sender.end();
    // All fits into what may wait.
    const expected = upTo(400).map((number) => {
      const bytes = Buffer.alloc(lengthOf(number, 5000), number & 0xff);
      return `${number} ${bytes.length} ${number} ${hashOf(bytes)}`;
    });
    for (const lines of await Promise.all(printed))
      expect(lines).toEqual([...expected, 'dropped 0', 'end']);
  });

  test('over an inherited socket, with the one receiver that there is', async () => {
    const { ours, childs } = await openSocketPair();
    const args = ['send', 'fd:3', '1', '50', '100', '0', 'close'];
    const child = start(peer, args, ['pipe', 'pipe', 'pipe', childs.fd]);
    childs.close();
    const receiver = await sharedMmap.createReceiver({ endpoint: `fd:${ours.release()}` });
    const next = nextLines(child);
    expect([await next(), await next()]).toEqual(['open', 'sent: done']);
    child.stdin?.end();
    expect(await takeAll(receiver, 100)).toEqual(upTo(50));
    await receiver.close();
  });

  describe('its endpoint', () => {
    const tryToSend = async (endpoint: string): Promise<readonly string[]> =>
      linesOf(
        start(peer, ['send', endpoint, '0', '0', '0', '0', 'close'], ['ignore', 'pipe', 'pipe']),
      );

    test('is its own, with mode 0600, and is refused to the next', async () => {
      const sender = await sending({ receivers: 0, count: 0 });
      expect(statSync(sender.endpoint).mode & 0o777).toBe(0o600);
      expect(await tryToSend(sender.endpoint)).toEqual([
        'error: somebody listens at the endpoint already',
      ]);
      await expect(sharedMmap.createSender({ endpoint: sender.endpoint })).rejects.toMatchObject({
        code: 'ENDPOINT_IN_USE',
      });
      sender.end();
    });

    test('replaces a stale file, and no other', async () => {
      const stale = await sending({ receivers: 0, count: 0 });
      expect(await stale.next()).toBe('sent: done');
      stale.child.kill('SIGKILL');
      expect(await stale.next()).toBeUndefined();
      expect(existsSync(stale.endpoint)).toBe(true);
      const again = await sending({ endpoint: stale.endpoint, receivers: 0, count: 0 });
      again.end();
      const file = folder.fresh();
      writeFileSync(file, 'not a socket');
      expect(await tryToSend(file)).toEqual(['error: an argument cannot be used']);
      const live = folder.fresh();
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(live, resolve));
      // A socket of another type: somebody is there.
      expect(await tryToSend(live)).toEqual(['error: somebody listens at the endpoint already']);
      await new Promise((resolve) => server.close(resolve));
    });

    test('refuses what speaks of another transport, and a receiver too many', async () => {
      const sender = await sending({ receivers: 0, count: 0 });
      await expect(sharedMmap.connect({ endpoint: sender.endpoint })).rejects.toMatchObject({
        code: 'TRANSPORT_MISMATCH',
      });
      // An inspection is one more of these, and says at least which transport it is.
      expect(await inspect(sender.endpoint)).toMatchObject({
        mechanism: 'shared-mmap',
        report: undefined,
      });
      const receivers = await Promise.all(
        upTo(64).map(() => sharedMmap.createReceiver({ endpoint: sender.endpoint })),
      );
      await expect(sharedMmap.createReceiver({ endpoint: sender.endpoint })).rejects.toMatchObject({
        code: 'PEER_REJECTED',
      });
      await receivers[17]?.close();
      const another = await sharedMmap.createReceiver({ endpoint: sender.endpoint });
      sender.end();
      expect(await another.receive()).toBeUndefined();
      for (const receiver of [...receivers, another]) await receiver.close();
    });
  });
});
