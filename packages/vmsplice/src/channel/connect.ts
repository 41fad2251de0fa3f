import { connect, openChannel, type Welcome, wrongDescriptors } from '@pageferry/connection';
import { type Channel, dispose } from '@pageferry/core';
import { checkResult, type LinuxCalls, Scope } from '@pageferry/linux';
import { isPipeEnd, withOwnFlags } from '../passed-pipe.js';
import { chooseOutlet } from '../sending/outlet.js';
import { CHANNEL_TERMS } from '../terms.js';
import { makeChannel } from './make-channel.js';
import type { SideSettings } from './options.js';
import { CHANNEL_DESCRIPTOR, CHANNEL_DESCRIPTOR_COUNT, CHANNEL_MECHANISM } from './protocol.js';

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
  const { endpoint, allow } = settings;
  const welcome = await connect(calls, endpoint, CHANNEL_MECHANISM, signal, [], [], allow);
  const opened = new Scope();
  opened.own(welcome.socket);
  for (const descriptor of welcome.descriptors) opened.own(descriptor);
  try {
    return open(calls, settings, welcome, opened);
  } catch (error) {
    opened[dispose]();
    throw error;
  }
}

/** @param opened owns what came with the welcome, and gets whatever is to be closed if this throws. */
function open(
  calls: LinuxCalls,
  settings: SideSettings,
  { socket, descriptors }: Welcome,
  opened: Scope,
): Channel {
  const readEnd = descriptors[CHANNEL_DESCRIPTOR.readEnd];
  const writeEnd = descriptors[CHANNEL_DESCRIPTOR.writeEnd];
  if (!readEnd || !isPipeEnd(calls, readEnd.fd, 'read')) throw wrongDescriptors();
  if (!writeEnd || !isPipeEnd(calls, writeEnd.fd, 'write')) throw wrongDescriptors();
  const ends = openChannel(calls, socket, descriptors, CHANNEL_DESCRIPTOR_COUNT, CHANNEL_TERMS);
  opened.own(ends.incoming);
  opened.own(ends.outgoing);
  const incoming = opened.own(withOwnFlags(calls, readEnd, 'read'));
  const outgoing = opened.own(withOwnFlags(calls, writeEnd, 'write'));
  const { channel } = makeChannel({
    calls,
    settings,
    ends,
    outgoing: {
      writeEnd: outgoing,
      byteLength: checkResult(calls.getPipeSize(outgoing.fd), 'fcntl', 'F_GETPIPE_SZ'),
    },
    incoming,
    outlet: chooseOutlet(calls),
    peer: socket.peerCredentials(),
    events: {},
  });
  return channel;
}
