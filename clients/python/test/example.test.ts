import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { UnixSocket } from '../../../packages/linux/dist/index.js';
import { loadLinuxCalls } from '../../../packages/linux-napi/dist/index.js';
import {
  openSocketPair,
  type SharedMmapSender,
  sharedMmap,
} from '../../../packages/shared-mmap/dist/index.js';
import { temporaryFolder } from '../../../packages/testkit/dist/index.js';
import { build, environmentOf, obstacle, python } from './package.js';

// The example of the package, step by step, with real senders.
const RECEIVER = fileURLToPath(new URL('../examples/receiver.py', import.meta.url));

const KIBIBYTE = 1024;
const POOL_BYTES = 1024 * KIBIBYTE;

/** The example, running. */
class PythonReceiver {
  readonly #process: ChildProcessByStdio<null, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  readonly #exit: Promise<unknown[]>;
  readonly #errors: Promise<string>;

  /** @param descriptor becomes descriptor 3. */
  constructor(site: string, endpoint: string, descriptor?: number) {
    const inherited = descriptor === undefined ? [] : [descriptor];
    const child = spawn(python ?? '', [RECEIVER, endpoint], {
      env: environmentOf(site),
      stdio: ['ignore', 'pipe', 'pipe', ...inherited],
    }) as ChildProcessByStdio<null, Readable, Readable>;
    this.#process = child;
    this.#exit = once(child, 'close');
    this.#errors = text(child.stderr);
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** The next line that it prints; `undefined` after the last one. */
  async line(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next();
    return done ? undefined : value;
  }

  /** Resolves when it sleeps: what it had to say is read, so it can only sleep for want of news. */
  async asleep(): Promise<void> {
    const state = () =>
      readFileSync(`/proc/${this.#process.pid}/stat`, 'latin1').split(') ')[1]?.[0];
    while (state() !== 'S') await new Promise(setImmediate);
  }

  /** How it ended. */
  async end(): Promise<{ code: unknown; errors: string }> {
    const [code] = await this.#exit;
    return { code, errors: await this.#errors };
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async stop(): Promise<void> {
    this.kill('SIGKILL');
    await this.#exit;
  }
}

/** Bytes that tell messages, and places within them, apart. */
function contentOf(number: number, byteLength: number): Buffer {
  const bytes = Buffer.alloc(byteLength);
  for (let at = 0; at < byteLength; at++) bytes[at] = (number * 31 + at + (at >> 8)) & 0xff;
  return bytes;
}

function lineFor(number: number, bytes: Buffer): string {
  return `${number} ${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`;
}

describe.skipIf(obstacle !== undefined)(
  `the example of a receiver in Python${obstacle === undefined ? '' : ` (${obstacle})`}`,
  { timeout: 60_000 },
  () => {
    const built = temporaryFolder();
    let site: string;
    let folder: string;
    let endpoint: string;
    let sender: SharedMmapSender;
    let receiver: PythonReceiver;

    beforeAll(() => {
      site = build(built.path);
    }, 120_000);

    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'pageferry-'));
      endpoint = join(folder, 'endpoint');
    });

    afterEach(async () => {
      await receiver?.stop();
      await sender?.destroy();
      rmSync(folder, { recursive: true });
    });

    async function connected(spinMicroseconds = 100): Promise<void> {
      sender = await sharedMmap.createSender({ endpoint, poolBytes: POOL_BYTES, spinMicroseconds });
      receiver = new PythonReceiver(site, endpoint);
      await sender.waitForReceivers();
    }

    /** Sends messages of these sizes, numbered from `first`; checks what the receiver prints. */
    async function expectArrival(sizes: readonly number[], first = 0): Promise<void> {
      // Made beforehand, so that the sender is not the slower of the two.
      const contents = sizes.map((size, index) => contentOf(first + index, size));
      const sending = (async () => {
        for (const content of contents) expect(await sender.send(content)).toBe('sent');
      })();
      for (const [index, content] of contents.entries()) {
        expect(await receiver.line()).toBe(lineFor(first + index, content));
      }
      await sending;
    }

    async function expectOrderlyEnd(): Promise<void> {
      await sender.close();
      expect(await receiver.line()).toBe('end');
      expect(await receiver.end()).toEqual({ code: 0, errors: '' });
    }

    test('reads messages of every kind of size, and the end', async () => {
      await connected();
      const sizes = [
        0,
        1,
        63,
        64,
        65,
        4095,
        4096,
        4097,
        POOL_BYTES,
        POOL_BYTES + 1,
        5 * POOL_BYTES,
      ];
      await expectArrival([...sizes, ...sizes.reverse()]);
      await expectOrderlyEnd();
    });

    test('reads on when the queues wrap around', async () => {
      await connected();
      await expectArrival(Array.from({ length: 5 * 1024 + 7 }, (_, number) => number % 300));
      await expectOrderlyEnd();
    });

    test('reads on where more messages have had memory of their own than may be under way', async () => {
      await connected();
      const sizes = Array.from({ length: 50 }, (_, number) =>
        number % 3 === 0 ? number : POOL_BYTES + number,
      );
      await expectArrival(sizes);
      await expectOrderlyEnd();
    });

    test('sleeps while nothing comes, and is woken for each message', async () => {
      await connected();
      for (let number = 0; number < 20; number++) {
        await receiver.asleep();
        await expectArrival([number], number);
      }
      await receiver.asleep();
      await expectOrderlyEnd();
    });

    test('wakes a sender that sleeps until memory comes back', async () => {
      await connected(0);
      for (let number = 0; number < 20; number += 2) {
        receiver.kill('SIGSTOP');
        const first = contentOf(number, POOL_BYTES / 2 + 1); // Never two at a time.
        await sender.send(first);
        const loan = sender.loan(first.length);
        for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
        receiver.kill('SIGCONT');
        expect(await receiver.line()).toBe(lineFor(number, first));
        (await loan).release();
        await expectArrival([number], number + 1);
      }
      await expectOrderlyEnd();
    });

    test('tells a death from an end, after all that was published', async () => {
      await connected();
      await receiver.asleep();
      for (let number = 0; number < 100; number++) await sender.send(contentOf(number, number));
      await sender.destroy();
      for (let number = 0; number < 100; number++) {
        expect(await receiver.line()).toBe(lineFor(number, contentOf(number, number)));
      }
      expect(await receiver.line()).toBeUndefined();
      const errors = 'receiver.py: the other side ended without closing\n';
      expect(await receiver.end()).toEqual({ code: 1, errors });
    });

    test('leaves its messages to the sender when it is killed', async () => {
      await connected();
      await expectArrival([1, POOL_BYTES + 1]);
      await receiver.stop();
      await sender.flush();
      expect(sender.receivers).toEqual([]);
      expect(sender.stats().bytesOut).toBe(0);
    });

    test('begins on a socket that it inherits', async () => {
      const pair = await openSocketPair();
      receiver = new PythonReceiver(site, 'fd:3', pair.childs.fd);
      pair.childs.close();
      sender = await sharedMmap.createSender({ endpoint: `fd:${pair.ours.release()}` });
      await sender.waitForReceivers();
      await expectArrival([5, 50_000]);
      await expectOrderlyEnd();
    });

    test('says so when the sender speaks another version', async () => {
      const [ours, theirs] = UnixSocket.pair(loadLinuxCalls());
      receiver = new PythonReceiver(site, 'fd:3', theirs.fd);
      theirs.close();
      // As the document has it: what every version begins with.
      const answer = Buffer.from('PAGEFRRY\x03\x00\x03\x00\x01\x00\x00\x00', 'latin1');
      ours.send(answer);
      const errors = 'receiver.py: the other side speaks another version of the protocol\n';
      expect(await receiver.end()).toEqual({ code: 1, errors });
      ours.close();
    });
  },
);
