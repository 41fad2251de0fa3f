import { sharedMmap } from '@pageferry/shared-mmap';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { expect, test } from 'vitest';

const folder = temporaryFolder();
expectNothingLeft();

test('a send that ends while its memory is made blames no loan of the program', async () => {
  const endpoint = folder.fresh();
  await using sender = await sharedMmap.createSender({ endpoint, poolBytes: 128 * 2 ** 20 });
  await using receiver = await sharedMmap.createReceiver({ endpoint });
  await sender.waitForReceivers();
  const loan = sender.tryLoan(0);
  const ending = new AbortController();
  // So much is made in several turns of the event loop.
  const sending = sender.send(new Uint8Array(48 * 2 ** 20), { signal: ending.signal });
  ending.abort();
  const words = /memory for 48 MiB was not ready yet \(.* of a pool of 128 MiB are out\)$/;
  await expect(sending).rejects.toThrow(words);
  loan?.release();
  await receiver.close();
});
