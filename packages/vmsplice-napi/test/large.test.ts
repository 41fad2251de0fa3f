import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Receiver, Sender } from '@pageferry/core';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const GIBIBYTE = 1024 ** 3;
const PAGE = 4096;

/** Writes a byte into every 64th page, and into the last byte: enough to notice a page out of place. */
function mark(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += 64 * PAGE) bytes[at] = (at / (64 * PAGE)) % 251;
  bytes[bytes.length - 1] = 252;
}

function isMarked(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length - 1; at += 64 * PAGE) {
    if (bytes[at] !== (at / (64 * PAGE)) % 251) return false;
  }
  return bytes[bytes.length - 1] === 252;
}

describe('messages of a gibibyte and more', { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-large-'));
  let sender: Sender;
  let receiver: Receiver;

  beforeAll(async () => {
    const endpoint = join(folder, 'endpoint');
    sender = await vmspliceNapi.createSender({ endpoint });
    receiver = await vmspliceNapi.createReceiver({ endpoint });
    await sender.waitForReceivers();
  });

  afterAll(async () => {
    await receiver.close();
    await sender.close();
    rmSync(folder, { recursive: true });
  });

  test('one of 1 GiB and 1 byte is received whole', async () => {
    const loan = await sender.loan(GIBIBYTE + 1);
    mark(loan.bytes);
    const sent = loan.send();
    using delivery = await receiver.receive();
    expect(delivery?.byteLength).toBe(GIBIBYTE + 1);
    expect(isMarked(delivery?.bytes ?? new Uint8Array(1))).toBe(true);
    expect(await sent).toBe('sent');
  });

  test('the largest possible one, of nearly 4 GiB, is spliced on whole', async () => {
    const { maxMessageBytes } = vmspliceNapi.capabilities;
    const loan = await sender.loan(maxMessageBytes);
    loan.bytes[maxMessageBytes - 1] = 1;
    const sent = loan.send();
    await using nothing = await open('/dev/null', 'w');
    expect(await receiver.spliceTo(nothing)).toMatchObject({
      byteLength: maxMessageBytes,
      method: 'splice',
    });
    expect(await sent).toBe('sent');
  });

  test('a larger one is MESSAGE_TOO_LARGE', async () => {
    const { maxMessageBytes } = vmspliceNapi.capabilities;
    await expect(sender.loan(maxMessageBytes + 1)).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
    });
  });

  test('their memory goes back to the system', async () => {
    await sender.flush();
    // The next loan finds everything returned, and the pool keeps no more than its limit.
    (await sender.loan(PAGE)).release();
    expect(sender.stats().bytesOut).toBe(0);
    expect(process.memoryUsage.rss()).toBeLessThan(GIBIBYTE);
  });
});
