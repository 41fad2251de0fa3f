import { connect, openChannel, type Welcome, wrongDescriptors } from '@pageferry/connection';
import { type Channel, dispose } from '@pageferry/core';
import {
  checkThreadAliases,
  type LinuxCalls,
  registerGlobalExpedited,
  Scope,
} from '@pageferry/linux';
import { createPool } from '../memory/create-pool.js';
import type { PayloadPool } from '../memory/payload-pool.js';
import { SharedPayloadPool } from '../sending/shared-pool.js';
import { CHANNEL_TERMS, makeChannel, openPayload } from './channel-parts.js';
import type { SideSettings } from './options.js';
import {
  CHANNEL_DESCRIPTOR,
  CHANNEL_DESCRIPTOR_COUNT,
  CHANNEL_HELLO,
  CHANNEL_MECHANISM,
  CHANNEL_WELCOME,
} from './protocol.js';

/**
 * Opens a channel to whoever listens.
 *
 * @throws as `Transport.connect`.
 */
export async function connectChannel(
  calls: LinuxCalls,
  settings: SideSettings,
  signal: AbortSignal | undefined,
): Promise<Channel> {
  if (settings.sharedToThreads) checkThreadAliases(calls, 'sharedToThreads');
  const opened = new Scope();
  try {
    const pool = opened.own(await createPool({ ...settings, calls, writable: false }));
    const hello: number[] = [];
    hello[CHANNEL_HELLO.barrier] = Number(registerGlobalExpedited(calls));
    hello[CHANNEL_HELLO.descriptors] = 1;
    const { endpoint, allow } = settings;
    const passed = [pool.fd];
    const welcome = await connect(calls, endpoint, CHANNEL_MECHANISM, signal, hello, passed, allow);
    opened.own(welcome.socket);
    for (const descriptor of welcome.descriptors) opened.own(descriptor);
    return open(calls, settings, welcome, pool, opened);
  } catch (error) {
    opened[dispose]();
    throw error;
  }
}

function open(
  calls: LinuxCalls,
  settings: SideSettings,
  { socket, descriptors, parameters }: Welcome,
  pool: PayloadPool,
  opened: Scope,
): Channel {
  const payloadFd = descriptors[CHANNEL_DESCRIPTOR.payload];
  if (payloadFd === undefined) throw wrongDescriptors();
  const ends = openChannel(calls, socket, descriptors, CHANNEL_DESCRIPTOR_COUNT, CHANNEL_TERMS);
  opened.own(ends.incoming);
  opened.own(ends.outgoing);
  const payload = opened.own(openPayload(calls, payloadFd, settings, ends.incoming));
  payloadFd.close();
  const sharing = new SharedPayloadPool(pool);
  const { channel } = makeChannel({
    calls,
    settings,
    ends,
    sharing,
    index: 0,
    peer: socket.peerCredentials(),
    parkingPays: parameters[CHANNEL_WELCOME.barrier] === 1,
    takesDescriptors: parameters[CHANNEL_WELCOME.descriptors] === 1,
    payload,
    events: { onClose: () => sharing.close() },
  });
  return channel;
}
