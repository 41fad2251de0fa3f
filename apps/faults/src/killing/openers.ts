import type { Channel, Listener, Receiver, Sender } from '@pageferry/core';
import type { Backend } from '../backends.js';
import { LIMIT } from '../until.js';
import { type Plan, poolBytesOf } from './plan.js';

/** Opens the sides of a round, each with the options that its plan says. All of them are the caller's. */
export interface Openers {
  sender(): Promise<Sender>;
  receiver(policy: Plan['policy'], signal?: AbortSignal): Promise<Receiver>;
  listener(): Promise<Listener>;
  channel(): Promise<Channel>;
}

/** How many messages a sender keeps for those who join later, where the round is about that. */
const HISTORY = 16;

/** The openers of a round. */
export function openers(
  { transport, options, sharesMemory }: Backend,
  plan: Plan,
  endpoint: string,
): Openers {
  const common = { ...options, endpoint };
  const poolBytes = poolBytesOf(plan);
  const own = plan.point === 'history' ? { history: HISTORY } : {};
  const preallocateBytes = sharesMemory ? { preallocateBytes: 64 * 1024 } : {};
  return {
    sender: () => transport.createSender({ ...common, ...own, ...preallocateBytes, poolBytes }),
    receiver: (policy, signal) => {
      const settings = { ...common, ...(sharesMemory && { whenBehind: policy, queueDepth: 32 }) };
      return transport.createReceiver({ ...settings, ...LIMIT, signal });
    },
    listener: () => transport.listen({ ...common, ...preallocateBytes, poolBytes }),
    channel: () => transport.connect({ ...common, ...preallocateBytes, poolBytes, ...LIMIT }),
  };
}
