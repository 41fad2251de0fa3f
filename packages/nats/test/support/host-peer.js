// One side in a process of its own, on a host of its own: `ROLE SERVERS ENDPOINT PATIENCE [LENGTHS]`. It tells its parent what
// it has sent or received, one by one.
import { createHash } from 'node:crypto';
import { natsTransport } from '@pageferry/nats';

const [role, servers = '', endpoint = '', patience, lengths = ''] = process.argv.slice(2);
const nats = natsTransport({ servers, patience: Number(patience) });

/** @param {Uint8Array} bytes */
const digestOf = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** @param {unknown} words */
const tell = (words) => process.send?.(words);

async function send() {
  const sender = await nats.createSender({ endpoint });
  tell('ready');
  await sender.waitForReceivers();
  for (const [number, length] of JSON.parse(lengths).entries()) {
    const loan = await sender.loan(length);
    for (let at = 0; at < length; at++) loan.bytes[at] = (at * 31 + number * 7 + (at >> 8)) & 0xff;
    const digest = digestOf(loan.bytes);
    const outcome = await loan.send();
    tell({ number, length, digest, outcome });
  }
  await sender.flush();
  tell({ behind: sender.receivers.map(({ messagesBehind }) => messagesBehind) });
  await sender.close();
}

/** Sends small messages for ever, and tells how many receivers it has whenever that changes. */
async function serve() {
  const sender = await nats.createSender({ endpoint });
  tell('ready');
  let known = 0;
  for (;;) {
    const count = sender.receivers.length;
    if (count !== known) tell({ receivers: count });
    known = count;
    if (count > 0) await sender.send(Buffer.alloc(20_000, 1));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function receive() {
  const receiver = await nats.createReceiver({ endpoint });
  tell('ready');
  for await (const delivery of receiver) {
    const { sequence: number, byteLength: length } = delivery;
    tell({ number, length, digest: digestOf(delivery.bytes) });
    delivery.release();
  }
  await receiver.close();
  tell('ended');
}

process.once('disconnect', () => process.exit());
/** @type {Record<string, (() => Promise<void>) | undefined>} */
const roles = { send, serve, receive };
await roles[role ?? '']?.();
process.disconnect?.();
