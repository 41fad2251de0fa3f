import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type SharedMmapReceiverOptions,
  sharedMmap,
} from '../../../packages/shared-mmap/dist/index.js';
import { temporaryFolder } from '../../../packages/testkit/dist/index.js';
import {
  COMPILING,
  compile,
  hasCompiler,
  linesOf,
  nextLines,
  SANITIZERS,
  start,
  whySkipped,
} from './peer.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const LONG = 300_000;

/** What a message with a tag is filled with: see own.c. */
function contentOf(tag: number, byteLength: number): Buffer {
  const bytes = Buffer.alloc(byteLength);
  for (let at = 0; at < byteLength; at++) bytes[at] = 31 * tag + at + (at >> 8);
  return bytes;
}

// Messages from C for which the pool has no room at a stretch.
describe.skipIf(!hasCompiler)(`messages with memory of their own from C${whySkipped}`, () => {
  const folder = temporaryFolder();
  const program = join(folder.path, 'own');

  beforeAll(() => compile('own', program, [...SANITIZERS, '-Wl,--wrap=sendmsg']), COMPILING);

  const NOTHING_LEFT = 'done, and 0 descriptors more than before';

  /** Receives everything, checks it, and returns the numbers and lengths. */
  async function take(
    endpoint: string,
    options: Partial<SharedMmapReceiverOptions> = {},
    onEach: (tag: number) => unknown = () => undefined,
  ) {
    const receiver = await sharedMmap.createReceiver({ endpoint, ...options });
    const taken = (async () => {
      const lengths: [number, number][] = [];
      for await (using message of receiver) {
        const { tag, byteLength } = message;
        expect(contentOf(tag, byteLength).equals(message.bytes)).toBe(true);
        expect(message.sequence).toBe(tag);
        lengths.push([tag, byteLength]);
        onEach(tag);
      }
      await receiver.close();
      return lengths;
    })();
    return { receiver, taken };
  }

  async function sending(scenario: string, receivers: number) {
    const endpoint = folder.fresh();
    const child = spawn(program, [scenario, endpoint, `${receivers}`]);
    const next = nextLines(child);
    let errors = '';
    child.stderr.on('data', (bytes) => {
      errors += bytes;
    });
    expect([await next(), errors]).toEqual(['open', '']);
    return {
      endpoint,
      async expectEnd() {
        expect([await next(), errors]).toEqual([NOTHING_LEFT, '']);
        expect(await next()).toBeUndefined();
      },
    };
  }

  const upTo = (count: number, lengthOf: (tag: number) => number): [number, number][] =>
    Array.from({ length: count }, (_, tag) => [tag, lengthOf(tag)]);

  test.each([
    ['that exceed the pool', 'turns', upTo(60, (tag) => (tag % 2 === 0 ? 5 * MIB + tag : tag))],
    ['from a pool in pieces', 'pieces', upTo(60, () => LONG)],
    ['that could not be passed at once', 'again', upTo(10, () => LONG)],
    ['whose loan was changed since it could not be passed', 'changed', upTo(10, () => LONG)],
    [
      'and others, while some were passed in vain',
      'others',
      upTo(20, (tag) => (tag % 2 === 0 ? 100 : LONG - tag)),
    ],
  ])('arrive whole: %s', async (_title, scenario, expected) => {
    const sender = await sending(scenario, 2);
    const receivers = [await take(sender.endpoint), await take(sender.endpoint, { queueDepth: 5 })];
    for (const { taken } of receivers) expect(await taken).toEqual(expected);
    await sender.expectEnd();
  });

  test('go past receivers that may miss them', async () => {
    const sender = await sending('pieces', 3);
    const stopped = await sharedMmap.createReceiver({
      endpoint: sender.endpoint,
      whenBehind: 'drop-newest',
    });
    const oldest = await take(sender.endpoint, { whenBehind: 'drop-oldest' });
    let all = {} as Awaited<ReturnType<typeof take>>;
    await new Promise<void>((resolve, reject) => {
      const onEach = (tag: number) => tag === 59 && resolve();
      take(sender.endpoint, {}, onEach).then((taking) => {
        all = taking;
      }, reject);
    });
    // It takes nothing while all are sent, and finds as many as may wait for it, and the pool has room for.
    const numbers: number[] = [];
    for await (using message of stopped) numbers.push(message.tag);
    expect(numbers.length).toBeLessThanOrEqual(16);
    expect(numbers.length).toBeGreaterThan(0);
    expect(numbers).toEqual(numbers.toSorted((one, other) => one - other));
    expect(numbers.length + stopped.stats().messagesDropped).toBe(60);
    await stopped.close();
    expect((await all.taken).length).toBe(60);
    const taken = await oldest.taken;
    expect(taken.length + oldest.receiver.stats().messagesDropped).toBe(60);
    await sender.expectEnd();
  });

  test('are kept for those who come later, up to 16 for each', async () => {
    const sender = await sending('history', 3);
    const first = await take(sender.endpoint);
    const second = await take(sender.endpoint, { queueDepth: 7 });
    const third = await take(sender.endpoint, { whenBehind: 'drop-oldest' });
    const kept = upTo(40, (tag) => (tag % 2 === 0 ? 70 * KIB : 10));
    const last: [number, number] = [40, LONG];
    // Of the last 33 messages 16 have memory of their own: 38, 36 and so on.
    expect(await first.taken).toEqual([...kept.slice(7), last]);
    expect(await second.taken).toEqual([...kept.slice(33), last]);
    expect((await third.taken).slice(0, 5)).toEqual(kept.slice(7, 12));
    await sender.expectEnd();
  });

  test('ask, and are answered with what has memory of its own', async () => {
    const endpoint = folder.fresh();
    await using listener = await sharedMmap.listen({ endpoint, poolBytes: MIB });
    const printed = linesOf(start(program, ['ask', endpoint, '0']));
    const channel = await listener.accept();
    let count = 0;
    for await (using question of channel) {
      expect(question.byteLength).toBe(count % 2 === 0 ? 3 * MIB : count);
      await question.respond(question.bytes);
      count++;
    }
    expect(count).toBe(40);
    expect(await printed).toEqual([NOTHING_LEFT]);
  });
});
