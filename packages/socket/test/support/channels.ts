import type { Channel, Listener, ListenOptions } from '@pageferry/core';
import { socketTransport } from '@pageferry/socket';
import type { Place } from './place.js';
import { ChannelProcess } from './process.js';

/** What this process does to get a channel; the other side does the other. */
export const ROLES = ['listens', 'connects'] as const;

export type Role = (typeof ROLES)[number];
export type Options = Omit<ListenOptions, 'endpoint'>;

/** A channel between this process and another one. */
export async function withProcess(
  place: Place,
  role: Role,
  options: Options = {},
): Promise<{ readonly here: Channel; readonly there: ChannelProcess }> {
  const all = { endpoint: place.path(), ...options };
  const there = await ChannelProcess.start(place);
  if (role === 'connects') {
    await there.call('listen', all);
    const here = place.own(await socketTransport.connect(all));
    await there.call('accept');
    return { here, there };
  }
  const listener = place.own(await socketTransport.listen(all));
  await there.call('connect', all);
  return { here: await listener.accept(), there };
}

/** A listener of this process, and channels to it, of this process, too. */
export class Rig {
  private constructor(
    readonly place: Place,
    readonly listener: Listener,
  ) {}

  static async open(place: Place, options: Options = {}, endpoint = place.path()): Promise<Rig> {
    const listener = await socketTransport.listen({ endpoint, ...options });
    place.defer(() => listener.destroy());
    return new Rig(place, listener);
  }

  /** A channel: the end of who has connected, and that of the listener. */
  async channel(options: Options = {}): Promise<{ readonly far: Channel; readonly near: Channel }> {
    const { endpoint } = this.listener;
    const far = await socketTransport.connect({ endpoint, ...options });
    this.place.defer(() => far.destroy());
    return { far, near: await this.listener.accept() };
  }
}

/** A message from one end of a channel comes to the other, and back. */
export async function echo(from: Channel, to: Channel): Promise<string> {
  const asked = from.request(Buffer.from('works'));
  const question = await to.receive();
  await question?.respond(question.copy());
  question?.release();
  using answer = await asked;
  return answer.copy().toString();
}
