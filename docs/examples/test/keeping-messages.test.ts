import { describe, expect, test } from 'vitest';
import { digestOf } from './harness/content.js';
import {
  PATTERNS,
  RIGHT,
  SENDER,
  WRONG,
  WRONG_PATTERNS,
  WRONG_SENDER,
} from './harness/patterns.js';
import { runKilledSender, runLeavingClients, runLeavingReader } from './harness/run-leaving.js';
import { runPattern, runSender } from './harness/run-pattern.js';

// The examples of docs/keeping-messages.md, as real processes, before a far end that is slow. The pool
// is small, so that the memory of a message that was released too early holds another one at once.
// `pnpm test:patterns` sends 100,000 messages through each.
const MESSAGES = 2500;

// Over the others, where the contract is the same, one of each kind; `pnpm test:patterns` takes all.
const CASES = [
  ...PATTERNS.map((pattern) => ({ pattern, transport: 'shared-mmap' })),
  ...PATTERNS.filter(({ file }) => ['http.mjs', 'gzip-callback.mjs'].includes(file)).flatMap(
    (pattern) => ['vmsplice-napi', 'socket'].map((transport) => ({ pattern, transport })),
  ),
].map(({ pattern, transport }) => ({
  pattern,
  transport,
  title: `${pattern.file} over ${transport}`,
}));

describe('what an asynchronous consumer reads is what was sent (11.4)', { timeout: 60_000 }, () => {
  test.for(CASES)('$title', async ({ pattern, transport }, { signal }) => {
    const { sent, got } = await runPattern(pattern, RIGHT, transport, MESSAGES, signal);
    expect(got).toEqual(Array.from({ length: pattern.readers ?? 1 }, () => sent));
    expect(sent).toBe(digestOf(MESSAGES));
  });

  test.for(['shared-mmap', 'vmsplice-napi'])(`${SENDER} over %s`, async (transport, { signal }) => {
    const { sent, got } = await runSender(new URL(SENDER, RIGHT), transport, MESSAGES, signal);
    expect(got).toEqual([sent]);
  });
});

// How a socket is closed and when Node tells of it differ from client to client: many have to leave.
describe('who leaves in the middle keeps nothing, and the stream goes on (11.4)', {
  timeout: 60_000,
}, () => {
  test.for([
    { file: 'http.mjs', clients: 80, atOnce: false },
    { file: 'http-to-all.mjs', clients: 80, atOnce: true },
  ])('$clients clients of $file', async ({ file, ...how }, { signal }) => {
    await runLeavingClients(new URL(file, RIGHT), 'shared-mmap', how, signal);
  });

  const others = ['net.mjs', 'write-stream.mjs', 'gzip-stream.mjs', 'worker.mjs'];
  const readByOne = PATTERNS.filter(({ file }) => others.includes(file));
  test.for(readByOne)('$file ends with its only reader', async (pattern, { signal }) => {
    expect(await runLeavingReader(pattern, RIGHT, signal)).toBe(1);
  });
});

test.for(['http.mjs', 'http-to-all.mjs'])(
  '%s breaks its response off when the sender is killed',
  {
    timeout: 60_000,
  },
  async (file, { signal }) => {
    expect(await runKilledSender(new URL(file, RIGHT), signal)).toEqual({
      status: 1,
      complete: false,
    });
  },
);

describe('a consumer that releases too early is noticed (11.4)', { timeout: 60_000 }, () => {
  test.for(WRONG_PATTERNS)('$file', async (pattern, { signal }) => {
    const messages = 2 * MESSAGES; // More than the kernel's buffers take, which copy what they take.
    const { sent, got } = await runPattern(pattern, WRONG, 'shared-mmap', messages, signal);
    expect(got).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
    expect(got).not.toEqual([sent]);
  });

  test(WRONG_SENDER, async ({ signal }) => {
    const { sent, got } = await runSender(
      new URL(WRONG_SENDER, WRONG),
      'shared-mmap',
      MESSAGES,
      signal,
    );
    expect(got).not.toEqual([sent]);
  });
});
