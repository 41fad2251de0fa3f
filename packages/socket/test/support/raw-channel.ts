import type { Socket } from 'node:net';
import type { Channel } from '@pageferry/core';
import { socketTransport } from '@pageferry/socket';
import { CHANNEL_NAME } from '../../dist/protocol/channel.js';
import { BufferSource, FRAME_BYTES, type Frame, FrameReader } from '../../dist/protocol/frame.js';
import { type Options, Rig, type Role } from './channels.js';
import type { Place } from './place.js';
import { rawReceiver, rawSender, readExactly } from './raw.js';

let endpoints = 0;

/** A channel whose other side is a socket that a test writes to and reads from. */
export interface RawChannel {
  readonly channel: Channel;
  readonly peer: Socket;
  /** The listener of the channel, where there is one. */
  readonly rig: Rig | undefined;
}

/** @param role of this process' side. */
export async function rawChannel(
  place: Place,
  role: Role,
  options: Options = {},
): Promise<RawChannel> {
  const endpoint = place.path(`endpoint-${endpoints++}`);
  if (role === 'listens') {
    const rig = await Rig.open(place, options, endpoint);
    const peer = await rawReceiver(place, endpoint, CHANNEL_NAME);
    return { channel: await rig.listener.accept(), peer, rig };
  }
  let admit = (_: Socket): void => {};
  const admitted = new Promise<Socket>((resolve) => {
    admit = resolve;
  });
  await rawSender(place, endpoint, (socket) => admit(socket), CHANNEL_NAME);
  const channel = await socketTransport.connect({ endpoint, ...options });
  place.defer(() => channel.destroy());
  return { channel, peer: await admitted, rig: undefined };
}

/** The next frame on a socket; what follows it is left there. */
export async function readFrame(socket: Socket): Promise<Frame> {
  const bytes = await readExactly(socket, FRAME_BYTES);
  const frame = new FrameReader().read(new BufferSource(bytes));
  if (frame === undefined) throw new Error(`the socket has ended after ${bytes.length} bytes`);
  return frame;
}
