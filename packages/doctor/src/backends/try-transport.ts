import type { Receiver, Sender, Transport } from '@pageferry/core';
import type { MeetingPlace } from './meeting-place.js';

/** How long a message of a trial may take, in milliseconds. It takes about one. */
export const PATIENCE = 5000;

/** What is sent in a trial. */
export const MESSAGE: Uint8Array = Buffer.from('does it arrive?');

/**
 * Sends one message through a transport, within this process. Whatever a transport needs to work, it
 * needs for that.
 *
 * @throws what keeps it from working.
 */
export async function tryTransport(transport: Transport, place: MeetingPlace): Promise<void> {
  let sender: Sender | undefined;
  let receiver: Receiver | undefined;
  try {
    sender = await transport.createSender({
      endpoint: place.senderEndpoint,
      maxReceivers: 1,
      spinMicroseconds: 0,
    });
    receiver = await transport.createReceiver({
      endpoint: place.receiverEndpoint,
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
  }
}
