import {
  type ChannelPair,
  channelPairOver,
  openSocketPair,
  type SocketPair,
} from '@pageferry/connection';
import type {
  PipeReader,
  PipeReaderOptions,
  PipeWriter,
  PipeWriterOptions,
  SpawnPiped,
} from '@pageferry/core';
import type { LinuxCalls, Pipe } from '@pageferry/linux';
import { VmspliceListener } from '../channel/listener.js';
import { checkListen, type VmspliceListenOptions } from '../channel/options.js';
import { openBlockingPipe } from './blocking-pipe.js';
import { checkReaderOptions, checkWriterOptions } from './options.js';
import { ReadingEnd } from './reading-end.js';
import { createSpawnPiped } from './spawn-piped.js';
import { WritingEnd } from './writing-end.js';

/** What there is for programs that know nothing of Pageferry, and for children that do. */
export interface PipePrograms {
  /** {@link SpawnPiped} */
  readonly spawnPiped: SpawnPiped;
  /**
   * Writes bytes into a pipe that any program reads.
   *
   * @throws `INVALID_ARGUMENT`, `SYSTEM_CALL_FAILED`, `BINDING_UNAVAILABLE`.
   */
  openPipeWriter(options: PipeWriterOptions): Promise<PipeWriter>;
  /**
   * Reads bytes out of a pipe that any program writes.
   *
   * @throws `INVALID_ARGUMENT`, `SYSTEM_CALL_FAILED`, `BINDING_UNAVAILABLE`.
   */
  openPipeReader(options: PipeReaderOptions): Promise<PipeReader>;
  /**
   * A pipe, grown as far as the kernel allows: pass one end in the `stdio` of `child_process.spawn`, and
   * the other to a writer or reader. (`spawnPiped` does both. The pipes that Node itself makes for
   * `stdio` are sockets.) The caller owns both ends.
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
  /**
   * A channel to a child that this process is about to start, without an endpoint path. The pool of this side is the
   * pair's: everything is given back when the channel is closed.
   *
   * @throws as `Transport.listen`.
   * @example
   * const pair = await channelPair();
   * const child = spawn(process.execPath, ['child.js'], { stdio: [0, 1, 2, pair.childs.fd] });
   * pair.childs.close();
   * const channel = await pair.accept(); // In the child: connect({ endpoint: 'fd:3' })
   */
  channelPair(
    options?: Omit<VmspliceListenOptions, 'endpoint' | 'maxChannels'>,
  ): Promise<ChannelPair>;
}

/** {@link PipePrograms} over a binding. `load` is called at each use. */
export function createPipePrograms(load: () => LinuxCalls): PipePrograms {
  return {
    spawnPiped: createSpawnPiped(load),
    async openPipeWriter(options) {
      const calls = load();
      return new WritingEnd(calls, checkWriterOptions(calls, options));
    },
    async openPipeReader(options) {
      const calls = load();
      return new ReadingEnd(calls, checkReaderOptions(calls, options));
    },
    openPipe: () => openBlockingPipe(load()),
    openSocketPair: async () => openSocketPair(load()),
    async channelPair(options = {}) {
      const calls = load();
      return channelPairOver(openSocketPair(calls), async (endpoint) =>
        VmspliceListener.create(calls, checkListen({ ...options, endpoint })),
      );
    },
  };
}
