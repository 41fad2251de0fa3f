import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sharedMmap } from '@pageferry/shared-mmap';
import { describe, expect, onTestFinished, test } from 'vitest';
import { memoryOf } from '../dist/index.js';
import { readMaps } from '../dist/memory/memory-of.js';

const MIB = 1024 * 1024;
const MODULE = new URL('../../shared-mmap/dist/index.js', import.meta.url).href;

/** A process that receives one message of `byteLength` bytes, reads all of it, and keeps it. */
function startHolder(endpoint: string) {
  const program = `
    import { sharedMmap } from '${MODULE}';
    const receiver = await sharedMmap.createReceiver({ endpoint: ${JSON.stringify(endpoint)} });
    globalThis.kept = await receiver.receive();
    process.send(kept.bytes.reduce((sum, byte) => sum + byte, 0));
    setInterval(() => undefined, 1000);`;
  return spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

describe('memoryOf', () => {
  test('tells memory that messages are shared in from all other, in both processes', async () => {
    const before = await memoryOf();
    const folder = mkdtempSync(join(tmpdir(), 'pf-memory-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const endpoint = join(folder, 'ferry.sock');
    const poolBytes = 32 * MIB;
    await using sender = await sharedMmap.createSender({
      endpoint,
      poolBytes,
      preallocateBytes: poolBytes,
    });
    const child = startHolder(endpoint);
    try {
      await sender.waitForReceivers();
      const loan = await sender.loan(24 * MIB);
      loan.bytes.fill(1);
      await loan.send();
      expect(await once(child, 'message')).toEqual([24 * MIB, undefined]);
      const [here, there] = [await memoryOf(), await memoryOf(child.pid)];
      // All of the pool is there, in this process; the other one has looked at the message.
      const more = here.ferried.residentBytes - before.ferried.residentBytes;
      expect(more).toBeGreaterThanOrEqual(poolBytes);
      expect(more).toBeLessThan(poolBytes + 4 * MIB);
      // And a sixty-fourth more, which keeps large messages apart.
      expect(sender.stats().sharedBytes).toBe((poolBytes * 65) / 64);
      expect(there.ferried.residentBytes).toBeGreaterThanOrEqual(24 * MIB);
      expect(there.ferried.sharedBytes).toBeGreaterThanOrEqual(24 * MIB);
      // Half of what two processes have in common.
      expect(there.ferried.proportionalBytes).toBeLessThan(14 * MIB);
      expect(there.residentBytes - there.ferried.residentBytes).toBeGreaterThan(5 * MIB);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });

  test('adds up what the kernel says of each mapping', () => {
    const text = [
      '7f0000000000-7f0000400000 rw-s 00000000 00:01 42                  /memfd:pageferry-payload (deleted)',
      'Size:               4096 kB',
      'Rss:                 100 kB',
      'Pss:                  50 kB',
      'Pss_Dirty:            50 kB',
      'Shared_Clean:          8 kB',
      'Shared_Dirty:         80 kB',
      'Private_Clean:         4 kB',
      'Private_Dirty:         8 kB',
      'VmFlags: rd wr sh mr mw me ms sd',
      '7f0000400000-7f0000500000 rw-p 00000000 00:00 0 ',
      'Rss:                  10 kB',
      'Pss:                  10 kB',
      'Private_Dirty:        10 kB',
    ].join('\n');
    expect(readMaps(text)).toEqual({
      residentBytes: 110 * 1024,
      proportionalBytes: 60 * 1024,
      sharedBytes: 88 * 1024,
      privateBytes: 22 * 1024,
      ferried: {
        residentBytes: 100 * 1024,
        proportionalBytes: 50 * 1024,
        sharedBytes: 88 * 1024,
        privateBytes: 12 * 1024,
      },
    });
  });

  test('says why it cannot tell', async () => {
    await expect(memoryOf(2 ** 31 - 1)).rejects.toMatchObject({
      code: 'SYSTEM_CALL_FAILED',
      errnoName: 'ENOENT',
    });
    for (const pid of [0, -1, 1.5, 'self', null]) {
      await expect(memoryOf(pid as number)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        argument: 'pid',
      });
    }
  });
});
