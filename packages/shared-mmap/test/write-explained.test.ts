import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { nodeSharesMemory } from '@pageferry/conformance/linux-calls';
import { describe, expect, test } from 'vitest';
import { KIB, LIMIT, openStage, type Stage } from './support/stage.js';

const PROGRAM = fileURLToPath(new URL('./peers/scribbler.mjs', import.meta.url));

interface Outcome {
  readonly said: readonly unknown[];
  readonly errors: string;
  readonly end: unknown;
}

/** Has a process receive two messages, of which it writes to the second. */
async function scribble(
  { sender }: Stage,
  access: string,
  what: string,
  byteLength = 5000,
): Promise<Outcome> {
  const child = spawn(process.execPath, [PROGRAM, sender.endpoint, access, what], {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  const said: unknown[] = [];
  const chunks: Buffer[] = [];
  child.on('message', (message) => said.push(message));
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
  try {
    const closed = once(child, 'close');
    await Promise.race([sender.waitForReceivers(1, LIMIT), closed]);
    for (let message = 0; message < 2; message++) {
      await sender.send(new Uint8Array(byteLength).fill(message), LIMIT).catch(() => undefined);
    }
    const [code, signal] = await closed;
    return { said, errors: Buffer.concat(chunks).toString(), end: signal ?? code };
  } finally {
    child.kill('SIGKILL');
  }
}

const LINE =
  /^pageferry: .*0x[0-9a-f]+.*\b10\b.*\bmessage 1\b.*delivery\.copy\(\).*access: 'read-write'.*\n$/;

describe('a process that writes to a read-only delivery', () => {
  test.each([
    ['out of the pool', 64 * KIB],
    ['with memory of its own', 4 * KIB],
  ])('%s ends, and one line on standard error says why', async (_, poolBytes) => {
    await using stage = await openStage({ poolBytes }, []);
    const { said, errors, end } = await scribble(stage, 'read-only', 'write');
    expect(end).toBe('SIGSEGV');
    expect(errors).toMatch(LINE);
    expect(errors.split('\n').length).toBe(2);
    expect(said).toEqual(['connected']);
    // The sender goes on, and has its memory back.
    await stage.sender.flush(LIMIT);
    expect(stage.sender.receivers).toEqual([]);
    expect(stage.sender.stats().bytesOut).toBe(0);
  });

  test.skipIf(!nodeSharesMemory())('ends by what another thread of it writes, too', async () => {
    await using stage = await openStage({}, []);
    const { errors, end } = await scribble(stage, 'read-only', 'write in a thread');
    expect(end).toBe('SIGSEGV');
    expect(errors).toMatch(LINE);
  });

  test('still catches what WebAssembly does wrong, before and besides', async () => {
    await using stage = await openStage({}, []);
    const trapped = await scribble(stage, 'read-only', 'trap');
    expect(trapped).toEqual({ said: ['connected', 'RuntimeError'], errors: '', end: 0 });
    const both = await scribble(stage, 'read-only', 'trap, then write');
    expect(both).toMatchObject({ said: ['connected', 'RuntimeError'], end: 'SIGSEGV' });
    expect(both.errors).toMatch(/\bmessage 3\b/);
  });
});

describe("access: 'read-write'", () => {
  test('lets a receiver change what the others read, where the sender allows it', async () => {
    await using stage = await openStage({ receiverAccess: 'read-write' }, []);
    const seen = await stage.join();
    const other = await stage.join({ access: 'read-write' });
    await stage.sender.send(new Uint8Array(100).fill(1), LIMIT);
    using written = await other.receive(LIMIT);
    written?.bytes.fill(2);
    using read = await seen.receive(LIMIT);
    expect(read?.bytes.every((byte) => byte === 2)).toBe(true);
  });

  test('lets a receiver in another process write, and nothing is said', async () => {
    await using stage = await openStage({ receiverAccess: 'read-write' }, []);
    const outcome = await scribble(stage, 'read-write', 'write');
    expect(outcome).toEqual({ said: ['connected', 'wrote 77'], errors: '', end: 0 });
  });

  test('lets each receiver change its own copy of a message with memory of its own', async () => {
    const options = { receiverAccess: 'read-write', poolBytes: 4 * KIB } as const;
    await using stage = await openStage(options, [{ access: 'read-write' }, {}]);
    await stage.sender.send(new Uint8Array(10 * KIB).fill(1), LIMIT);
    const [first, second] = stage.receivers.map((receiver) => receiver.tryReceive());
    first?.bytes.fill(2);
    expect(first?.bytes.every((byte) => byte === 2)).toBe(true);
    expect(second?.bytes.every((byte) => byte === 1)).toBe(true);
  });

  test('is NOT_SUPPORTED where the sender does not allow it', async () => {
    await using stage = await openStage({}, []);
    const refused = expect.objectContaining({ code: 'NOT_SUPPORTED', argument: 'access' });
    await expect(stage.join({ access: 'read-write' })).rejects.toThrow(refused);
    await stage.join({ access: 'read-only' });
  });
});
