// What the contract costs over NATS: `node packages/nats/scripts/benchmark.js [--rounds N] [--messages N]
// [--storage memory]`, after `pnpm build`.
//
// 1 MiB messages from one process to another, through a nats-server that is started for it, in turns: by this package, and
// by the plain client with the same guarantees (a stream on disk with interest retention and discard new, confirmed
// publishing with as much under way, a push consumer with flow control and explicit acknowledgements). The sender writes each
// message, the receiver looks at every byte. What is printed is the rate between the first message and the last one that
// arrived, and the ratio of each round.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, createInbox, nanos } from '@nats-io/transport-node';
import { NatsServer } from '@pageferry/testkit/nats-server';
import { natsTransport } from '../dist/index.js';

const MIB = 1024 * 1024;
const SUBJECT = 'benchmark';
/** How many messages of the plain client are published and not confirmed: as many bytes as this package has under way. */
const WINDOW = 8;

/** What every message holds behind its number. */
const content = Buffer.alloc(MIB, 'every byte of it is looked at. ');

/** @param {Uint8Array} bytes @param {number} number */
function write(bytes, number) {
  bytes.set(content);
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, number);
}

/** @param {Uint8Array} bytes @param {number} number */
function check(bytes, number) {
  const found = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const isRight =
    bytes.length === MIB && Buffer.compare(bytes.subarray(4), content.subarray(4)) === 0;
  if (found !== number || !isRight) throw new Error(`message ${number} is wrong`);
}

/** Times what arrives. */
class Stopwatch {
  #start = 0;
  #received = 0;

  /** @param {Uint8Array} bytes of the next message. */
  note(bytes) {
    check(bytes, this.#received);
    if (this.#received === 0) this.#start = performance.now();
    this.#received++;
  }

  /** Bytes a second, of all messages after the first. */
  get rate() {
    return ((this.#received - 1) * MIB * 1000) / (performance.now() - this.#start);
  }

  get received() {
    return this.#received;
  }
}

/**
 * The peers: each is a process of its own, and tells its parent when it is ready or done.
 *
 * @type {Record<string, (servers: string, count: number, storage: 'file' | 'memory') => Promise<unknown>>}
 */
const peers = {
  async pageferrySender(servers, count, storage) {
    const endpoint = `nats:${SUBJECT}`;
    const sender = await natsTransport({ servers }).createSender({ endpoint, storage });
    await sender.waitForReceivers();
    const sending = [];
    for (let number = 0; number < count; number++) {
      const loan = await sender.loan(MIB);
      write(loan.bytes, number);
      sending.push(loan.send());
    }
    await Promise.all(sending);
    await sender.flush();
    await sender.close();
  },

  async pageferryReceiver(servers) {
    const endpoint = `nats:${SUBJECT}`;
    const receiver = await natsTransport({ servers }).createReceiver({ endpoint });
    const watch = new Stopwatch();
    for await (const delivery of receiver) {
      watch.note(delivery.bytes);
      delivery.release();
    }
    await receiver.close();
    return watch.rate;
  },

  async plainSender(servers, count, storage) {
    const connection = await connect({ servers });
    const client = jetstream(connection);
    const manager = await jetstreamManager(connection);
    await manager.streams.add({
      name: SUBJECT,
      subjects: [SUBJECT],
      retention: 'interest',
      discard: 'new',
      storage,
      max_bytes: 256 * MIB,
    });
    while ((await manager.streams.info(SUBJECT)).state.consumer_count === 0);
    /** @type {Set<Promise<unknown>>} */
    const underWay = new Set();
    for (let number = 0; number < count; number++) {
      if (underWay.size >= WINDOW) await Promise.race(underWay);
      const bytes = Buffer.allocUnsafeSlow(MIB);
      write(bytes, number);
      const publishing = client.publish(SUBJECT, bytes).then(() => underWay.delete(publishing));
      underWay.add(publishing);
    }
    await Promise.all(underWay);
    while ((await manager.streams.info(SUBJECT)).state.messages > 0);
    await manager.streams.delete(SUBJECT);
    await connection.close();
  },

  async plainReceiver(servers, count) {
    const connection = await connect({ servers });
    const manager = await jetstreamManager(connection);
    const inbox = createInbox();
    const watch = new Stopwatch();
    const done = new Promise((resolve) => {
      connection.subscribe(inbox, {
        callback: (_, message) => {
          if (message.headers?.code === 100) {
            const stalled = message.reply || message.headers.get('Nats-Consumer-Stalled');
            if (stalled) connection.publish(stalled);
            return;
          }
          watch.note(message.data);
          message.respond('+ACK');
          if (watch.received === count) resolve(watch.rate);
        },
      });
    });
    for (;;) {
      try {
        await manager.consumers.add(SUBJECT, {
          deliver_subject: inbox,
          deliver_policy: 'new',
          ack_policy: 'explicit',
          max_ack_pending: -1,
          flow_control: true,
          idle_heartbeat: nanos(1000),
        });
        break;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
    const rate = await done;
    await connection.flush();
    await connection.close();
    return rate;
  },
};

/** @param {string} kind @param {readonly string[]} words for its peers @returns {Promise<number>} */
async function run(kind, words) {
  const file = fileURLToPath(import.meta.url);
  const start = (/** @type {string} */ role) => fork(file, [kind + role, ...words]);
  const [receiver, sender] = [start('Receiver'), start('Sender')];
  const ends = [once(receiver, 'exit'), once(sender, 'exit')];
  const [rate] = await Promise.race([once(receiver, 'message'), Promise.all(ends)]);
  const codes = (await Promise.all(ends)).map(([code]) => code);
  if (codes.some((code) => code !== 0)) throw new Error(`${kind}: the peers ended with ${codes}`);
  return rate;
}

async function main() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      messages: { type: 'string', default: '300' },
      storage: { type: 'string', default: 'file' },
    },
  });
  const server = await NatsServer.start();
  console.log('round  plain client  @pageferry/nats  ratio');
  const words = [server.url, values.messages, values.storage];
  const ratios = [];
  for (let round = 1; round <= Number(values.rounds); round++) {
    // Whoever is second finds the machine as the first one has left it.
    const kinds = round % 2 === 0 ? ['plain', 'pageferry'] : ['pageferry', 'plain'];
    /** @type {Record<string, number>} */
    const rates = {};
    for (const kind of kinds) rates[kind] = await run(kind, words);
    const { plain = 0, pageferry = 0 } = rates;
    const ratio = pageferry / plain;
    ratios.push(ratio);
    const inMib = [plain, pageferry].map((rate) => `${(rate / MIB).toFixed(0)} MiB/s`.padStart(12));
    console.log(
      `${`${round}`.padStart(5)}  ${inMib[0]}  ${inMib[1]?.padStart(15)}  ${ratio.toFixed(2)}`,
    );
  }
  ratios.sort((a, b) => a - b);
  const median = ratios[Math.floor(ratios.length / 2)] ?? 0;
  console.log(
    `ratio: ${ratios[0]?.toFixed(2)} to ${ratios.at(-1)?.toFixed(2)}, median ${median.toFixed(2)}`,
  );
  await server.remove();
}

const [role, url = '', count = '', storage] = process.argv.slice(2);
const peer = role === undefined ? undefined : peers[role];
if (peer === undefined) {
  await main();
} else {
  const rate = await peer(url, Number(count), storage === 'memory' ? storage : 'file');
  if (rate !== undefined) process.send?.(rate);
  process.disconnect?.();
}
