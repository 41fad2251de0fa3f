import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Transport } from '@pageferry/core';
import { sharedMmap } from '@pageferry/shared-mmap';
import { socketTransport } from '@pageferry/socket';
import { vmspliceFfi } from '@pageferry/vmsplice-ffi';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';
import { afterAll, describe, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'pageferry-mismatch-'));
let endpoints = 0;

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** By what they are called in the handshake: the binding makes no difference. */
const MECHANISMS: readonly (readonly [string, Transport])[] = [
  ['shared-mmap', sharedMmap as Transport],
  ['vmsplice', vmspliceNapi],
  ['vmsplice', vmspliceFfi],
  ['socket', socketTransport],
];

const PAIRS = MECHANISMS.flatMap(([theirs, sending]) =>
  MECHANISMS.filter(([own]) => own !== theirs).map(
    ([own, receiving]) => [sending.name, receiving.name, theirs, own, sending, receiving] as const,
  ),
);

describe.runIf(process.platform === 'linux')('a receiver of another transport', () => {
  test.each(PAIRS)(
    'learns of a %s sender that it is one, as %s (11.21)',
    async (_, __, theirs, own, sending, receiving) => {
      const endpoint = join(folder, `${endpoints++}`);
      await using sender = await sending.createSender({ endpoint });
      const message = expect.toSatisfy(
        (words: string) => words.includes(`'${theirs}'`) && words.includes(`'${own}'`),
      );
      const opening = receiving.createReceiver({ endpoint });
      await expect(opening).rejects.toMatchObject({ code: 'TRANSPORT_MISMATCH', message });
      // The sender is as it was.
      await using receiver = await sending.createReceiver({ endpoint });
      await sender.waitForReceivers();
      expect(await sender.send(Buffer.from('right'))).toBe('sent');
      using delivery = await receiver.receive();
      expect(delivery?.copy().toString()).toBe('right');
    },
  );
});
