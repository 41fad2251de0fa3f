import { LoopBudget, WaitList, type WaitOptions, withDeadline } from '@pageferry/core';
import { capabilities } from '../capabilities.js';
import { Engine } from '../engine/engine.js';
import type { RequestSettings, TransportSettings } from '../options.js';
import { MemoryPool } from '../sending/memory-pool.js';
import { Arrivals } from './arrivals.js';

/**
 * Connects to the servers, and makes what a requester and a responder have in common.
 *
 * @throws as `Transport.createSender`, but for what concerns streams.
 */
export async function openExchange(
  role: 'requester' | 'responder',
  { engine: options, patience }: TransportSettings,
  settings: RequestSettings,
  { signal, timeout }: WaitOptions,
) {
  const { endpoint, subject, poolBytes, maxBorrowedBytes, spinMicroseconds, histograms } = settings;
  const engine = await withDeadline(
    { signal, timeout },
    (limit) =>
      Engine.open(options, `pageferry ${role} ${subject}`, { signal: limit, needsStreams: false }),
    () => 'no NATS server has let this process in',
  );
  const sending = new WaitList();
  const receiving = new WaitList();
  const arrivals = new Arrivals(maxBorrowedBytes, () => receiving.wake());
  const pool = new MemoryPool(poolBytes);
  return {
    engine,
    /** For the questions, or the answers. */
    outbox: {
      engine,
      subject,
      patience,
      keptBytes: maxBorrowedBytes,
      pool,
      arrivals,
      onRoom: () => sending.wake(),
      onFailure: () => {
        sending.wake();
        receiving.wake();
      },
    },
    /** For the half that sends. */
    sender: {
      endpoint,
      capabilities,
      poolBytes,
      maxReceivers: 1,
      budget: new LoopBudget(spinMicroseconds),
      waits: sending,
      method: { method: 'publish' },
      histograms,
    },
    /** For the half that receives. */
    receiver: {
      endpoint,
      arrivals,
      waits: receiving,
      maxBorrowedBytes,
      spinMicroseconds,
      histograms,
    },
    /** Ends the connection. What was published before leaves. */
    hangUp: async (): Promise<void> => {
      await engine.flush();
      await engine.close();
      pool.clear();
    },
  } as const;
}
