import { type LinuxCalls, type OwnedFd, UnixSocket } from '@pageferry/linux';
import { vi } from 'vitest';

const CAPACITY = 8;

interface Closable {
  close(): void;
}

/** How the two ends of a connection come about: the functions of `@pageferry/connection`. */
export interface Opening<Sender extends Closable, Receiver extends Closable> {
  /** Makes the sender's end, and what it passes to the receiver. */
  readonly establish: (
    calls: LinuxCalls,
    socket: UnixSocket,
    capacity: number,
  ) => { readonly connection: Sender; readonly descriptors: readonly OwnedFd[] };
  /** Makes the receiver's end of what it was passed. */
  readonly openConnection: (
    calls: LinuxCalls,
    socket: UnixSocket,
    descriptors: readonly OwnedFd[],
    count: number,
  ) => Receiver;
}

/** Both ends of a connection, in this process. Disposal closes them. */
export interface ConnectionPair<Sender, Receiver> extends Disposable {
  readonly sender: Sender;
  readonly receiver: Receiver;
}

/** Opens a connection with itself. Closing its ends is the caller's, one by one or by disposal. */
export function openConnectionPair<Sender extends Closable, Receiver extends Closable>(
  calls: LinuxCalls,
  { establish, openConnection }: Opening<Sender, Receiver>,
): ConnectionPair<Sender, Receiver> {
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

/**
 * Has something happen right after the next look for deliveries, and before the receiver goes on.
 *
 * @param look the method that looks, and answers how many there are.
 */
export function afterNextLook<Look extends string>(
  receiver: Record<Look, () => number>,
  look: Look,
  meanwhile: () => void,
): void {
  const looks: Record<string, () => number> = receiver;
  const real = receiver[look].bind(receiver);
  vi.spyOn(looks, look).mockImplementationOnce(() => {
    const found = real();
    meanwhile();
    return found;
  });
}
