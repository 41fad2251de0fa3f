import { once } from 'node:events';
import { socketTransport } from '@pageferry/socket';
import { describe, expect, test } from 'vitest';
import { FRAME } from '../dist/protocol/frame.js';
import { usePlace } from './support/place.js';
import { SenderProcess } from './support/process.js';
import { frame, rawSender } from './support/raw.js';

const place = usePlace();

describe('a sender that is gone', () => {
  test('leaves every message that had left, although releases reach nobody', async () => {
    const endpoint = place().path();
    const process = await SenderProcess.start(place());
    // A little more than is read ahead: the last ones are still in the kernel.
    const lengths = Array.from({ length: 54 }, (_, index) => 20_000 + index);
    process.send(endpoint, lengths);
    const receiver = place().own(await socketTransport.createReceiver({ endpoint }));
    expect(await process.answer()).toBe('started');
    expect(await process.answer()).toBe('said');
    await process.kill();
    for (const length of lengths) {
      const delivery = await receiver.receive();
      expect(delivery?.byteLength).toBe(length);
      delivery?.release();
      // The release goes out, and fails, before the next message is asked for.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect(receiver.receive()).rejects.toMatchObject({ code: 'PEER_DIED' });
  });

  test('in good order is no death, although it has not read the releases', async () => {
    const endpoint = place().path();
    await rawSender(place(), endpoint, async (socket) => {
      socket.pause();
      for (let sequence = 0; sequence < 3; sequence++) {
        socket.write(Buffer.concat([frame(FRAME.message, 1, sequence), Buffer.from('x')]));
      }
      socket.write(frame(FRAME.end, 0, 3));
      await once(socket, 'readable');
      socket.destroy();
    });
    const receiver = place().own(await socketTransport.createReceiver({ endpoint }));
    const sequences: number[] = [];
    for await (using delivery of receiver) sequences.push(delivery.sequence);
    expect(sequences).toEqual([0, 1, 2]);
  });
});
