import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { DiagnosticsEvents } from '@pageferry/core';
import { sharedMmap } from '@pageferry/shared-mmap';
import { temporaryFolder } from '@pageferry/testkit';
import { expect, onTestFinished, test } from 'vitest';

type Drop = DiagnosticsEvents['pageferry:drop'];

const { fresh } = temporaryFolder();

test('diagnostics tell of messages that are dropped, for whom', async () => {
  const drops: Drop[] = [];
  const note = (event: unknown) => drops.push(event as Drop);
  subscribe('pageferry:drop', note);
  onTestFinished(() => void unsubscribe('pageferry:drop', note));
  const endpoint = fresh();
  await using sender = await sharedMmap.createSender({ endpoint });
  await using receiver = await sharedMmap.createReceiver({
    endpoint,
    whenBehind: 'drop-oldest',
    queueDepth: 1,
  });
  await sender.waitForReceivers(1);
  for (let count = 0; count < 3; count++) await sender.send(Uint8Array.of(count));
  expect(drops.map(({ receiver }) => receiver)).toMatchObject([
    { messagesDropped: 1 },
    { messagesDropped: 2 },
  ]);
  expect(receiver.tryReceive()?.bytes).toEqual(Uint8Array.of(2));
});
