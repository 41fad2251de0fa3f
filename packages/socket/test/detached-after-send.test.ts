import { once } from 'node:events';
import type { Delivery, SendOutcome } from '@pageferry/core';
import { socketTransport } from '@pageferry/socket';
import { describe, expect, test } from 'vitest';
import { usePlace } from './support/place.js';

const MESSAGE_BYTES = 2 ** 20;
const MESSAGES = 32;

const place = usePlace();

describe('memory that the program moves on while it waits to leave (11.7)', () => {
  test('ends the connection, which says why, and no message gets the bytes of another', async () => {
    const endpoint = place().path();
    const poolBytes = 2 * MESSAGES * MESSAGE_BYTES;
    const sender = place().own(await socketTransport.createSender({ endpoint, poolBytes }));
    const receiver = place().own(await socketTransport.createReceiver({ endpoint }));
    await sender.waitForReceivers(1);
    const views: Uint8Array[] = [];
    const outcomes: SendOutcome[] = [];
    for (let message = 0; message < MESSAGES; message++) {
      const loan = await sender.loan(MESSAGE_BYTES);
      views.push(loan.bytes.fill(message));
      outcomes.push(loan.trySend());
    }
    expect(outcomes).toEqual(Array(MESSAGES).fill('sent'));
    // The socket has taken the first messages at most: so much does not fit into the kernel.
    const taken = views[MESSAGES / 2] as Uint8Array<ArrayBuffer>;
    structuredClone(taken.buffer, { transfer: [taken.buffer] });

    const warning = once(process, 'warning');
    let received = 0;
    const next = async (): Promise<Delivery | undefined> => receiver.receive();
    await expect(async () => {
      for (let delivery = await next(); delivery; delivery = await next()) {
        expect(delivery.byteLength).toBe(MESSAGE_BYTES);
        expect(delivery.bytes.every((byte) => byte === received)).toBe(true);
        delivery.release();
        received++;
      }
    }).rejects.toMatchObject({ code: 'PEER_DIED' });
    expect(received).toBe(MESSAGES / 2);
    expect((await warning)[0]).toMatchObject({ code: 'PAGEFERRY_CONNECTION_FAILED' });
    expect(sender.stats()).toMatchObject({
      connectionsFailed: 1,
      connectionFailure: { code: 'BYTES_DETACHED' },
      bytesOut: 0,
    });
    // The next receiver is served as ever.
    const successor = place().own(await socketTransport.createReceiver({ endpoint }));
    const receiving = successor.receive();
    expect(await sender.send(Buffer.from('works'))).toBe('sent');
    expect((await receiving)?.copy().toString()).toBe('works');
  });
});
