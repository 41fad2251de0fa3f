import { checkPoolFits, openSocketPair, type SocketPair } from '@pageferry/connection';
import type { Receiver, Sender } from '@pageferry/core';
import { createGrownPipe, type LinuxCalls, largestPipeSize, type Pipe } from '@pageferry/linux';
import { AttachedReceiver } from './attached-receiver.js';
import { AttachedSender } from './attached-sender.js';
import { type AttachOptions, checkAttachOptions } from './options.js';

/** Working with programs that know nothing of Pageferry, over a plain pipe. */
export interface Attachments {
  /**
   * Sends raw bytes, without frames, into a pipe that a foreign program reads. Pages go by
   * reference and are never written again, because nobody says when the program is done with them.
   * It works on a duplicate of the descriptor, which is yours to close at any time: the program sees
   * the end once both you and the sender have closed.
   *
   * @throws `INVALID_ARGUMENT`, `SYSTEM_CALL_FAILED`, `BINDING_UNAVAILABLE`.
   */
  attachSender(options: AttachOptions): Promise<Sender>;
  /**
   * Receives raw bytes, without frames, from a pipe that a foreign program writes. Each delivery, and
   * each `spliceTo`, is what the pipe holds at the moment; `undefined` is the end of the pipe. It works
   * on a duplicate of the descriptor, which is yours to close at any time.
   *
   * @throws `INVALID_ARGUMENT`, `SYSTEM_CALL_FAILED`, `BINDING_UNAVAILABLE`.
   */
  attachReceiver(options: AttachOptions): Promise<Receiver>;
  /**
   * A pipe for a child process, grown as far as the kernel allows: pass one end in the `stdio` of
   * `child_process.spawn`, attach to the other. (The pipes that Node itself makes for `stdio` are
   * sockets.) The caller owns both ends.
   *
   * @throws `SYSTEM_CALL_FAILED`, `BINDING_UNAVAILABLE`.
   */
  openPipe(): Pipe;
  /**
   * A connected pair of sockets for a sender and a receiver of which one starts the other: give one to
   * the child (`stdio`), where it is the endpoint `fd:N`, and pass the number of the other
   * (`release()`) to this process's sender or receiver. The caller owns both ends.
   *
   * @throws `SYSTEM_CALL_FAILED`, `BINDING_UNAVAILABLE`.
   */
  openSocketPair(): Promise<SocketPair>;
}

/** {@link Attachments} over a binding. `load` is called at each use. */
export function createAttachments(load: () => LinuxCalls): Attachments {
  return {
    async attachSender(options) {
      const calls = load();
      const settings = checkAttachOptions(calls, options, 'sender');
      checkPoolFits(settings.poolBytes);
      return new AttachedSender(calls, settings);
    },
    async attachReceiver(options) {
      const calls = load();
      return new AttachedReceiver(calls, checkAttachOptions(calls, options, 'receiver'));
    },
    openPipe() {
      const calls = load();
      const { readEnd, writeEnd } = createGrownPipe(calls, largestPipeSize());
      // Ordinary programs expect blocking ends; everything here works with either.
      for (const end of [readEnd, writeEnd]) calls.setStatusFlags(end.fd, 0);
      return { readEnd, writeEnd };
    },
    openSocketPair: async () => openSocketPair(load()),
  };
}
