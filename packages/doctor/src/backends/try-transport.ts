import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Receiver, Sender, Transport } from '@pageferry/core';

/** How long a message may take, in milliseconds. It takes about one. */
const PATIENCE = 5000;

const MESSAGE = Buffer.from('does it arrive?');

/**
 * Sends one message through a transport, within this process. Whatever a transport needs to work, it
 * needs for that.
 *
 * @throws what keeps it from working.
 */
export async function tryTransport(transport: Transport): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'pageferry-doctor-'));
  const endpoint = join(folder, 'trial');
  let sender: Sender | undefined;
  let receiver: Receiver | undefined;
  try {
    sender = await transport.createSender({ endpoint, maxReceivers: 1, spinMicroseconds: 0 });
    receiver = await transport.createReceiver({
      endpoint,
      timeout: PATIENCE,
      spinMicroseconds: 0,
    });
    await sender.waitForReceivers(1, { timeout: PATIENCE });
    await sender.send(MESSAGE, { timeout: PATIENCE });
    const delivery = await receiver.receive({ timeout: PATIENCE });
    const arrived = delivery?.copy();
    delivery?.release();
    if (!arrived?.equals(MESSAGE)) throw new Error('a message arrived changed, or not at all');
  } finally {
    await receiver?.close();
    await sender?.destroy();
    await rm(folder, { recursive: true, force: true });
  }
}
