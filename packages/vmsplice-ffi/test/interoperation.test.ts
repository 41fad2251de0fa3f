import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vmspliceFfi } from '@pageferry/vmsplice-ffi';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';
import { afterAll, describe, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'pageferry-interoperation-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the same mechanism over two bindings', () => {
  test('has the same capabilities', () => {
    expect(vmspliceFfi.capabilities).toEqual(vmspliceNapi.capabilities);
  });

  test.each([
    ['an FFI sender', vmspliceFfi, 'a Node-API receiver', vmspliceNapi],
    ['a Node-API sender', vmspliceNapi, 'an FFI receiver', vmspliceFfi],
  ])('%s and %s understand each other', async (_from, sending, _to, receiving) => {
    const endpoint = join(folder, `${sending.name}.sock`);
    const sender = await sending.createSender({ endpoint });
    const receiver = await receiving.createReceiver({ endpoint });
    await sender.waitForReceivers();
    for (const size of [0, 1, 4097, 3_000_000]) {
      const bytes = new Uint8Array(size).fill(size % 251);
      const sent = sender.send(bytes);
      const delivery = await receiver.receive();
      expect(delivery?.copy().equals(bytes)).toBe(true);
      delivery?.release();
      expect(await sent).toBe('sent');
    }
    await sender.close();
    expect(await receiver.receive()).toBeUndefined();
    await receiver.close();
  });
});
