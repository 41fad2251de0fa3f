import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Channel, sweepAbandoned, type Transport, type WaitOptions } from '@pageferry/core';
import {
  type ChannelPair,
  type ChannelSettings,
  findMechanisms,
  type Mechanism,
  type MechanismOptions,
  withFirstThatLoads,
} from './mechanism.js';
import { removeMeeting } from './orphan.js';

/** How the folders begin in which parents meet a child. */
const PREFIX = 'pageferry-meeting-';

/** Where a parent waits for one child. */
export interface Meeting {
  readonly transport: Transport;
  /** What the child imports for it. */
  readonly module: string;
  /** The descriptor that the child inherits; `undefined` if they meet at a path. */
  readonly descriptor: number | undefined;
  /**
   * What the child connects to.
   *
   * @param number of the descriptor as the child has it.
   */
  endpointWith(number: number): string;
  /** The child's end belongs to a process of its own, which has begun, or will never begin. */
  leave(): void;
  /** The child's end is owned by somebody else in this process now. */
  giveAway(): void;
  /** As `Listener.accept`. The meeting ends with that channel. */
  accept(options: WaitOptions): Promise<Channel>;
  /** Gives it up. Harmless after the channel was closed. */
  close(): Promise<void>;
}

/**
 * Opens a place to meet one child, with the first mechanism whose binding loads.
 *
 * @throws `INVALID_ARGUMENT`; `NOT_SUPPORTED` without a transport; and as `Transport.listen`.
 */
export async function openMeeting(
  options: MechanismOptions,
  channel: ChannelSettings = {},
): Promise<Meeting> {
  const mechanisms = await findMechanisms(options);
  return withFirstThatLoads(mechanisms, (each) => meet(each, channel));
}

async function meet(
  { transport, module, channelPair }: Mechanism,
  settings: ChannelSettings,
): Promise<Meeting> {
  if (channelPair === undefined) return meetAtPath(transport, module, settings);
  return new Pair(transport, module, await channelPair(settings as never));
}

/** Over a pair of sockets. */
class Pair implements Meeting {
  readonly transport: Transport;
  readonly module: string;
  readonly #pair: ChannelPair;

  constructor(transport: Transport, module: string, pair: ChannelPair) {
    this.transport = transport;
    this.module = module;
    this.#pair = pair;
  }

  get descriptor(): number {
    return this.#pair.childs.fd;
  }

  endpointWith(number: number): string {
    return `fd:${number}`;
  }

  leave(): void {
    this.#pair.childs.close();
  }

  giveAway(): void {
    this.#pair.childs.release();
  }

  accept(options: WaitOptions): Promise<Channel> {
    return this.#pair.accept(options);
  }

  close(): Promise<void> {
    return this.#pair.close();
  }
}

/**
 * In a temporary folder of this meeting's own, which goes with the channel. Where the parent is killed, the child removes
 * it: see `connectToParent`. One that was killed before it had started a child leaves it, until somebody meets again.
 */
async function meetAtPath(
  transport: Transport,
  module: string,
  settings: ChannelSettings,
): Promise<Meeting> {
  const place = process.env['XDG_RUNTIME_DIR'] ?? tmpdir();
  await sweepAbandoned(place, PREFIX);
  const folder = await mkdtemp(join(place, PREFIX));
  const endpoint = join(folder, 'parent');
  const removeFolder = (): void => {
    process.off('exit', removeFolder);
    removeMeeting(endpoint);
  };
  const listener = await transport
    .listen({ ...settings, endpoint, maxChannels: 1 })
    .catch((error: unknown) => {
      removeFolder();
      throw error;
    });
  // After the listener's own, which removes its file.
  process.on('exit', removeFolder);
  const close = async (): Promise<void> => {
    await listener.destroy();
    removeFolder();
  };
  listener.on('leave', () => void close());
  return {
    transport,
    module,
    descriptor: undefined,
    endpointWith: () => endpoint,
    leave: () => undefined,
    giveAway: () => undefined,
    accept: (options) => listener.accept(options),
    close,
  };
}
