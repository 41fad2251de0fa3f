import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Receiver, Sender } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import {
  createVmspliceTransport,
  type VmspliceReceiverOptions,
  type VmspliceSenderOptions,
} from '@pageferry/vmsplice';

/** System calls of which some behave differently. */
export function callsWith(changed: Partial<LinuxCalls>): LinuxCalls {
  return { ...loadLinuxCalls(), ...changed };
}

/** A sender and a receiver in this process, over a real socket and a real pipe. */
export interface Pair extends AsyncDisposable {
  readonly sender: Sender;
  readonly receiver: Receiver;
}

/** Opens a {@link Pair} over the given system calls. */
export async function openPair(
  calls: LinuxCalls,
  senderOptions: Omit<VmspliceSenderOptions, 'endpoint'> = {},
  receiverOptions: Omit<VmspliceReceiverOptions, 'endpoint'> = {},
): Promise<Pair> {
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-'));
  const endpoint = join(folder, 'endpoint');
  const transport = createVmspliceTransport('test', () => calls);
  const sender = await transport.createSender({ ...senderOptions, endpoint });
  try {
    const receiver = await transport.createReceiver({ ...receiverOptions, endpoint });
    await sender.waitForReceivers();
    return {
      sender,
      receiver,
      async [Symbol.asyncDispose]() {
        await receiver.close();
        await sender.close();
        rmSync(folder, { recursive: true });
      },
    };
  } catch (error) {
    await sender.destroy();
    rmSync(folder, { recursive: true });
    throw error;
  }
}

/** A message whose bytes depend on `seed` and on their place. */
export function pattern(byteLength: number, seed: number): Buffer {
  const message = Buffer.allocUnsafe(byteLength);
  for (let index = 0; index < byteLength; index++)
    message[index] = (index * 31 + seed * 7 + (index >> 12)) & 255;
  return message;
}

/** Sends messages of the given lengths, and receives and compares each of them. */
export async function expectToCross(
  { sender, receiver }: Pair,
  lengths: readonly number[],
): Promise<number> {
  const sending = (async () => {
    for (const [seed, length] of lengths.entries()) await sender.send(pattern(length, seed));
  })();
  let equal = 0;
  for (const [seed, length] of lengths.entries()) {
    using delivery = await receiver.receive();
    if (delivery && Buffer.from(delivery.bytes).equals(pattern(length, seed))) equal++;
  }
  await sending;
  return equal;
}

/** Lengths around pages and pipes, for a pipe of up to 1 MiB. */
export const LENGTHS: readonly number[] = [
  0, 1, 4095, 4096, 4097, 65536, 100_000, 1_048_575, 1_048_576, 1_048_577, 3_000_000,
];
