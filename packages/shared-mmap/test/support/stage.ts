import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Delivery } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import {
  type SharedMmapReceiver,
  type SharedMmapReceiverOptions,
  type SharedMmapSender,
  type SharedMmapSenderOptions,
  sharedMmap,
} from '@pageferry/shared-mmap';

/** Ends a wait that a bug prolongs. */
export const LIMIT = { timeout: 10_000 };
export const KIB = 1024;
export const MIB = 1024 * 1024;

type Of<T> = Omit<T, 'endpoint'>;

/** System calls of which some behave differently. */
export function callsWith(changed: Partial<LinuxCalls>): LinuxCalls {
  return { ...loadLinuxCalls(), ...changed };
}

/** A sender and its receivers, all in this process. */
export interface Stage extends AsyncDisposable {
  readonly sender: SharedMmapSender;
  readonly receivers: readonly SharedMmapReceiver[];
  /** The first of the receivers. */
  readonly receiver: SharedMmapReceiver;
  /** One receiver more; the stage closes it. */
  join(options?: Of<SharedMmapReceiverOptions>): Promise<SharedMmapReceiver>;
}

/**
 * Opens a sender, and a receiver for each of `receiverOptions`.
 *
 * @param transport another copy of it, for tests that reach into its modules.
 */
export async function openStage(
  senderOptions: Of<SharedMmapSenderOptions> = {},
  receiverOptions: readonly Of<SharedMmapReceiverOptions>[] = [{}],
  transport: typeof sharedMmap = sharedMmap,
): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-'));
  const endpoint = join(folder, 'endpoint');
  const sender = await transport.createSender({ ...senderOptions, endpoint });
  const receivers: SharedMmapReceiver[] = [];
  const stage: Stage = {
    sender,
    receivers,
    get receiver() {
      return receivers[0] as SharedMmapReceiver;
    },
    async join(options = {}) {
      const known = sender.receivers.map(({ id }) => id);
      const receiver = await transport.createReceiver({ ...LIMIT, ...options, endpoint });
      receivers.push(receiver);
      await until(() => sender.receivers.some(({ id }) => !known.includes(id)));
      return receiver;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(receivers.map((receiver) => receiver.close()));
      await sender.destroy();
      rmSync(folder, { recursive: true });
    },
  };
  try {
    for (const options of receiverOptions) await stage.join(options);
    return stage;
  } catch (error) {
    await stage[Symbol.asyncDispose]();
    throw error;
  }
}

/** Sends a message whose bytes all are `seed`, where it can be accepted at once. */
export function trySend(sender: SharedMmapSender, byteLength: number, seed: number): string {
  const loan = sender.tryLoan(byteLength);
  if (loan === undefined) return 'no-memory';
  loan.bytes.fill(seed);
  const outcome = loan.trySend();
  if (outcome !== 'sent') loan.release();
  return outcome;
}

/** Lets the event loop turn until `condition` holds; the test's time limit ends it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

/** Takes what is there. */
export function drain(receiver: SharedMmapReceiver): Delivery[] {
  const deliveries: Delivery[] = [];
  for (let found = receiver.tryReceive(); found; found = receiver.tryReceive()) {
    deliveries.push(found);
  }
  return deliveries;
}

/** Numbers of the messages that are there, which are released. */
export function drainNumbers(receiver: SharedMmapReceiver): number[] {
  return drain(receiver).map((delivery) => {
    delivery.release();
    return delivery.sequence;
  });
}

/** True if every byte is `value`. */
export function isFilled(bytes: Uint8Array, value: number): boolean {
  const { length } = bytes;
  if (length === 0) return true;
  return (
    bytes[0] === value && Buffer.compare(bytes.subarray(1), bytes.subarray(0, length - 1)) === 0
  );
}

/** `count` numbers from `first` on. */
export function numbers(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}
