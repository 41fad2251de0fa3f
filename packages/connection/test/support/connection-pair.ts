import {
  establish,
  openConnection,
  type ReceiverConnection,
  type SenderConnection,
} from '@pageferry/connection';
import { UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { vi } from 'vitest';

const CAPACITY = 8;

/** Both ends of a connection, in this process. Closing them is the caller's. */
export interface ConnectionPair extends Disposable {
  readonly sender: SenderConnection;
  readonly receiver: ReceiverConnection;
}

/** Opens a connection with itself. */
export function openConnectionPair(): ConnectionPair {
  const calls = loadLinuxCalls();
  const [ours, theirs] = UnixSocket.pair(calls);
  const { connection: sender, descriptors } = establish(calls, ours, CAPACITY);
  const receiver = openConnection(calls, theirs, descriptors, descriptors.length);
  return {
    sender,
    receiver,
    [Symbol.dispose]() {
      receiver.close();
      sender.close();
    },
  };
}

/** Has something happen right after the receiver's next look for deliveries, and before it goes on. */
export function afterNextLook(
  receiver: ReceiverConnection,
  look: 'deliveriesKnown' | 'deliveriesAvailable',
  meanwhile: () => void,
): void {
  const real = receiver[look].bind(receiver);
  vi.spyOn(receiver, look).mockImplementationOnce(() => {
    const found = real();
    meanwhile();
    return found;
  });
}
