import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Backend, BackendName } from '../backends.js';
import { LIMIT } from '../until.js';
import type { Waiting } from './waiting-thread.js';

/** Once in so many rounds the receiver is a thread that is ended in the middle of its wait. */
const THREAD = 40;
/** Once in so many rounds what is open is left to the end of its block without a message. */
const IDLE = 5;
const POOL = 256 * 1024;

/** Opens a sender with a receiver, or a listener with a channel, has a message go over it, and closes all. */
export async function openAndClose(
  backend: Backend,
  name: BackendName,
  folder: string,
  round: number,
): Promise<void> {
  const endpoint = join(folder, 'endpoint');
  // Over FFI the mappings of a thread that is ended stay until the process ends.
  const hasThreads = !name.endsWith('-ffi');
  if (hasThreads && round % THREAD === 0) await endThread(backend, name, endpoint);
  else if (round % 2 === 0) await stream(backend, endpoint, round % IDLE === 0);
  else await converse(backend, endpoint, round % IDLE === 0);
}

async function stream(
  { transport, options }: Backend,
  endpoint: string,
  isIdle: boolean,
): Promise<void> {
  await using sender = await transport.createSender({ ...options, endpoint, poolBytes: POOL });
  await using receiver = await transport.createReceiver({ ...options, endpoint, ...LIMIT });
  await sender.waitForReceivers(1, LIMIT);
  if (isIdle) return;
  await sender.send(new Uint8Array(5000), LIMIT);
  const delivery = await receiver.receive(LIMIT);
  delivery?.release();
}

async function converse(
  { transport, options }: Backend,
  endpoint: string,
  isIdle: boolean,
): Promise<void> {
  await using listener = await transport.listen({ ...options, endpoint, poolBytes: POOL });
  await using channel = await transport.connect({
    ...options,
    endpoint,
    poolBytes: POOL,
    ...LIMIT,
  });
  await using accepted = await listener.accept(LIMIT);
  if (isIdle) return;
  const asking = channel.request(new Uint8Array(100), LIMIT);
  const question = await accepted.receive(LIMIT);
  await question?.respond(new Uint8Array(200), LIMIT);
  question?.release();
  (await asking).release();
}

/** A thread is ended while it waits for a message. */
async function endThread(
  { transport, options }: Backend,
  name: BackendName,
  endpoint: string,
): Promise<void> {
  await using sender = await transport.createSender({ ...options, endpoint, poolBytes: POOL });
  const thread = new Worker(new URL('waiting-thread.js', import.meta.url), {
    workerData: { backend: name, endpoint } satisfies Waiting,
  });
  await once(thread, 'message'); // It waits.
  await sender.waitForReceivers(1, LIMIT);
  await thread.terminate();
}
