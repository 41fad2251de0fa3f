import { ControlMemory, connect, Doorbell, RECEIVER, SENDER } from '@pageferry/connection';
import {
  checkResult,
  createMemoryFile,
  F_SEAL_FUTURE_WRITE,
  type LinuxCalls,
  type OwnedFd,
  SIZE_SEALS,
  type UnixSocket,
} from '@pageferry/linux';

const MECHANISM = 'shared-mmap-channel';
const PAYLOAD_BYTES = 1024 * 1024;

/** Memory for payload as an honest peer passes it, or with other seals. */
export function payloadMemory(
  calls: LinuxCalls,
  seals = SIZE_SEALS | F_SEAL_FUTURE_WRITE,
): OwnedFd {
  const fd = createMemoryFile(calls, 'pageferry-payload');
  checkResult(calls.ftruncate(fd.fd, PAYLOAD_BYTES), 'ftruncate');
  if (seals !== 0) checkResult(calls.addSeals(fd.fd, seals), 'fcntl');
  return fd;
}

/** Shakes hands with a listener, and passes it what a test likes. */
function sayHello(
  calls: LinuxCalls,
  path: string,
  passed: readonly OwnedFd[],
): ReturnType<typeof connect> {
  return connect(calls, path, MECHANISM, AbortSignal.timeout(20_000), [0], passed);
}

/** The connecting side of a channel, without our classes: it writes into the control memory what a test likes. */
export class HostilePeer implements Disposable {
  readonly socket: UnixSocket;
  /** What the listener sends: this side writes the receiver's words of it. */
  readonly inward: ControlMemory;
  /** What this side sends: it writes the sender's words of it. */
  readonly outward: ControlMemory;
  readonly #listenersBell: Doorbell;
  readonly #descriptors: readonly OwnedFd[];

  private constructor(
    calls: LinuxCalls,
    socket: UnixSocket,
    descriptors: readonly OwnedFd[],
    own: OwnedFd,
  ) {
    const [control, listenersBell] = descriptors as [OwnedFd, OwnedFd];
    const { fromListener, toListener } = ControlMemory.openPair(calls, control.fd);
    this.socket = socket;
    this.inward = fromListener;
    this.outward = toListener;
    this.#listenersBell = new Doorbell(calls, listenersBell);
    this.#descriptors = [...descriptors, own];
  }

  static async connect(
    calls: LinuxCalls,
    path: string,
    payload: OwnedFd = payloadMemory(calls),
  ): Promise<HostilePeer> {
    try {
      const { socket, descriptors } = await sayHello(calls, path, [payload]);
      return new HostilePeer(calls, socket, descriptors, payload);
    } catch (error) {
      payload.close();
      throw error;
    }
  }

  /** Says hello with other descriptors than it should. */
  static async connectWith(
    calls: LinuxCalls,
    path: string,
    passed: readonly OwnedFd[],
  ): Promise<unknown> {
    try {
      const { socket, descriptors } = await sayHello(calls, path, passed);
      socket.close();
      for (const descriptor of descriptors) descriptor.close();
      return 'welcome';
    } catch (error) {
      return error;
    } finally {
      for (const descriptor of passed) descriptor.close();
    }
  }

  /** Writes the words of the next entry, and publishes it. */
  publish(words: readonly number[], count = 1): void {
    const index = (this.outward.words[SENDER.delivered] as number) % this.outward.capacity;
    const at = 1024 + index * 8;
    for (const [word, value] of words.entries()) this.outward.words[at + word] = value | 0;
    Atomics.add(this.outward.words, SENDER.delivered, count);
    this.ring();
  }

  /** Returns what it likes. */
  giveBack(slotId: number, sequence: number, count = 1): void {
    const at = 1024 + this.inward.capacity * 8;
    this.inward.words[at] = slotId;
    this.inward.words[at + 1] = sequence;
    Atomics.add(this.inward.words, RECEIVER.returned, count);
    this.ring();
  }

  ring(): void {
    this.#listenersBell.ring();
  }

  [Symbol.dispose](): void {
    this.inward.close();
    this.outward.close();
    for (const descriptor of this.#descriptors) descriptor.close();
    this.socket.close();
  }
}
