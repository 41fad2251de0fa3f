import { describe, expect, test } from 'vitest';
import { useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

/** What the transport says about itself makes sense, and is the same everywhere. */
export function describeCapabilities(subject: Subject): void {
  describe('capabilities', () => {
    const stage = useStage(subject);
    const { name, capabilities } = subject.transport;

    test('the peer loads the same transport from the module that was registered', async () => {
      const peer = await stage.peer();
      expect(await peer.call('identity')).toEqual({ name, capabilities });
    });

    test('the numbers are possible, and the claims fit together', () => {
      const { maxMessageBytes, maxReceivers, tee, zeroCopySend, zeroCopyReceive, zeroCopySplice } =
        capabilities;
      expect(maxReceivers).toBeGreaterThanOrEqual(1);
      expect(Number.isSafeInteger(maxReceivers)).toBe(true);
      expect(maxMessageBytes).toBeGreaterThanOrEqual(64 * 1024 * 1024);
      expect(Number.isSafeInteger(maxMessageBytes)).toBe(true);
      // Whoever reads the sender's own pages was handed them by reference.
      if (zeroCopyReceive) expect(zeroCopySend).toBe(true);
      if (tee) expect(zeroCopySplice).toBe(true);
    });

    test('two senders of one transport know nothing of each other', async () => {
      const [one, two] = [await stage.outgoing(), await stage.outgoing()];
      await one.sender.send(Buffer.from('one'));
      expect(two.sender.stats()).toMatchObject({ messagesSent: 0, bytesOut: 0 });
      await two.sender.destroy();
      expect(one.sender.receivers).toHaveLength(1);
      expect(one.sender.closed).toBe(false);
    });
  });
}
