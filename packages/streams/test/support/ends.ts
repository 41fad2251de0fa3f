import type { Channel, Listener, Receiver, Sender, Transport } from '@pageferry/core';
import { sharedMmap } from '@pageferry/shared-mmap';
import { socketTransport } from '@pageferry/socket';
import { temporaryFolder } from '@pageferry/testkit';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';

/** Every mechanism: what stands on the contract alone has to work over each. */
export const TRANSPORTS: readonly Transport[] = [sharedMmap, vmspliceNapi, socketTransport];

/** Options of both sides. */
interface Limits {
  readonly poolBytes?: number;
  readonly maxBorrowedBytes?: number;
}

/** A sender and its receiver, destroyed on disposal. */
export interface OneWay extends AsyncDisposable {
  readonly sender: Sender;
  readonly receiver: Receiver;
}

/** Both ends of a channel, destroyed on disposal. */
export interface TwoWay extends AsyncDisposable {
  readonly listener: Listener;
  readonly here: Channel;
  readonly there: Channel;
}

/** Makes ends in a folder of this test file's own. */
export function usePlace(): {
  fresh(name?: string): string;
  oneWay(transport: Transport, limits?: Limits): Promise<OneWay>;
  twoWay(transport: Transport, limits?: Limits): Promise<TwoWay>;
} {
  const folder = temporaryFolder();
  return {
    fresh: (name) => folder.fresh(name),
    async oneWay(transport, { poolBytes, maxBorrowedBytes } = {}) {
      const endpoint = folder.fresh();
      const sender = await transport.createSender({ endpoint, poolBytes });
      const receiver = await transport.createReceiver({ endpoint, maxBorrowedBytes });
      await sender.waitForReceivers();
      return {
        sender,
        receiver,
        async [Symbol.asyncDispose]() {
          await receiver.close();
          await sender.destroy();
        },
      };
    },
    async twoWay(transport, limits = {}) {
      const endpoint = folder.fresh();
      const listener = await transport.listen({ endpoint, ...limits });
      const [here, there] = await Promise.all([
        transport.connect({ endpoint, ...limits }),
        listener.accept(),
      ]);
      return {
        listener,
        here,
        there,
        async [Symbol.asyncDispose]() {
          await here.destroy();
          await listener.destroy();
        },
      };
    },
  };
}

/** Waits for something that is bound to become so: the test's own time limit ends the wait. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate);
}

/** Bytes that do not look alike, the same each time. */
export function content(byteLength: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafeSlow(byteLength);
  let state = seed;
  for (let index = 0; index < byteLength; index++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[index] = state >>> 16;
  }
  return bytes;
}
