import type { Channel, Listener, Transport } from '@pageferry/core';
import type { MeetingPlace } from './meeting-place.js';
import { MESSAGE, PATIENCE } from './try-transport.js';

const WAIT = { timeout: PATIENCE };

/**
 * Asks one question over a channel of a transport, within this process. The answer is the question: so a message
 * has gone in either direction.
 *
 * @throws what keeps it from working.
 */
export async function tryChannel(transport: Transport, place: MeetingPlace): Promise<void> {
  let listener: Listener | undefined;
  let channel: Channel | undefined;
  try {
    listener = await transport.listen({
      endpoint: place.senderEndpoint,
      maxChannels: 1,
      spinMicroseconds: 0,
    });
    channel = await transport.connect({
      endpoint: place.receiverEndpoint,
      spinMicroseconds: 0,
      ...WAIT,
    });
    const [answer] = await Promise.all([channel.request(MESSAGE, WAIT), answerOne(listener)]);
    const arrived = answer.copy();
    answer.release();
    if (!arrived.equals(MESSAGE)) throw new Error('an answer arrived changed');
  } finally {
    await channel?.destroy();
    await listener?.destroy();
  }
}

async function answerOne(listener: Listener): Promise<void> {
  const question = await listener.receive(WAIT);
  if (question === undefined) throw new Error('a question has not arrived');
  try {
    await question.respond(question.copy(), WAIT);
  } finally {
    question.release();
  }
}
