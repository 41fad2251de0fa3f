import type { Receiver } from '@pageferry/core';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { createVmspliceTransport } from '@pageferry/vmsplice';
import { expect } from 'vitest';
import { HostileSender, type Lies } from './hostile-sender.js';

const calls = loadLinuxCalls();
const transport = createVmspliceTransport('test', () => calls);

/** Ends a wait that a peer manages to prolong. */
export const LIMIT = { timeout: 3000 };
export const MISBEHAVED: unknown = expect.objectContaining({ code: 'PEER_MISBEHAVED' });
export const DIED: unknown = expect.objectContaining({ code: 'PEER_DIED' });

/** A receiver, and a sender that may lie to it. */
export interface HostilePair extends AsyncDisposable {
  readonly sender: HostileSender;
  readonly receiver: Receiver;
}

/** Has a receiver connect to a sender that may lie to it from the start. */
export async function connect(endpoint: string, lies: Lies = {}): Promise<HostilePair> {
  const sender = new HostileSender(calls, endpoint);
  try {
    const connecting = transport.createReceiver({ endpoint, ...LIMIT });
    connecting.catch(() => undefined);
    await sender.welcome(lies);
    const receiver = await connecting;
    return {
      sender,
      receiver,
      async [Symbol.asyncDispose]() {
        await receiver.close();
        sender[Symbol.dispose]();
      },
    };
  } catch (error) {
    sender[Symbol.dispose]();
    throw error;
  }
}
