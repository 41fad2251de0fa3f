import type { Channel } from '@pageferry/core';

/** How many messages an {@link exchange} has in each direction, and how long each is. */
const EXCHANGED = { messages: 30, byteLength: 300_000 } as const;

/** Sends messages and receives as many, both at once. Whether each that came was right. */
export async function exchange(channel: Channel): Promise<boolean> {
  const [, isRight] = await Promise.all([sendAll(channel), receiveAll(channel)]);
  return isRight;
}

async function sendAll(channel: Channel): Promise<void> {
  for (let tag = 0; tag < EXCHANGED.messages; tag++) {
    await channel.send(Buffer.alloc(EXCHANGED.byteLength, tag), { tag });
  }
}

async function receiveAll(channel: Channel): Promise<boolean> {
  for (let tag = 0; tag < EXCHANGED.messages; tag++) {
    const message = await channel.receive();
    const expected = Buffer.alloc(EXCHANGED.byteLength, tag);
    const isRight = message?.tag === tag && expected.equals(message.bytes);
    message?.release();
    if (!isRight) return false;
  }
  return true;
}
