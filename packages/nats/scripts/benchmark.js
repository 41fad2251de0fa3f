// What the contract costs over NATS: `node packages/nats/scripts/benchmark.js [--rounds N] [--messages N]
// [--storage memory] [--bare]`, after `pnpm build`.
//
// 1 MiB messages from one process to another, through a nats-server that is started for it, in turns: by this package, and
// by the plain client with the same guarantees: a stream on disk with interest retention and discard new; confirmed publishing
// with as much under way, where each message says what the last one in the stream must be, so that none is stored twice; a
// push consumer with flow control and explicit acknowledgements. That word takes room: a server takes 1 MiB at once by default, so
// that the plain client, too, publishes two messages for each, and puts them together again. With `--bare` it does without, and
// publishes one. The sender writes each message, the receiver looks at every byte. What is printed is the rate between the first
// message and the last one that arrived, how long both processes had the processor for each message, and the ratio of the rates
// of each round.
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
/** Room for headers beside what the plain client publishes at once, as a program might leave it. */
const HEADER_ROOM = 1024;

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
 * @typedef {object} Options
 * @property {'file' | 'memory'} storage
 * @property {boolean} bare whether the plain client does without saying what the last message in the stream must be.
 *
 * @type {Record<string, (servers: string, count: number, options: Options) => Promise<unknown>>}
 */
const peers = {
  async pageferrySender(servers, count, { storage }) {
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

  async plainSender(servers, count, { storage, bare }) {
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
    const pieceBytes = bare ? MIB : (connection.info?.max_payload ?? MIB) - HEADER_ROOM;
    let lastSequence = 0;
    for (let number = 0; number < count; number++) {
      if (underWay.size >= WINDOW) await Promise.race(underWay);
      const bytes = Buffer.allocUnsafeSlow(MIB);
      write(bytes, number);
      /** @type {Promise<unknown>[]} */
      const pieces = [];
      for (let offset = 0; offset < MIB; offset += pieceBytes) {
        const piece = bytes.subarray(offset, offset + pieceBytes);
        const expect = bare ? {} : { lastSequence };
        pieces.push(client.publish(SUBJECT, piece, { expect }));
        lastSequence++;
      }
      const publishing = Promise.all(pieces).then(() => underWay.delete(publishing));
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
    /** @type {Uint8Array[]} */
    let pieces = [];
    let arrived = 0;
    const done = new Promise((resolve) => {
      connection.subscribe(inbox, {
        callback: (_, message) => {
          if (message.headers?.code === 100) {
            const stalled = message.reply || message.headers.get('Nats-Consumer-Stalled');
            if (stalled) connection.publish(stalled);
            return;
          }
          pieces.push(message.data);
          arrived += message.data.length;
          message.respond('+ACK');
          if (arrived < MIB) return;
          watch.note(pieces.length === 1 ? message.data : Buffer.concat(pieces));
          pieces = [];
          arrived = 0;
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

/**
 * @typedef {object} Outcome
 * @property {number} rate bytes a second.
 * @property {number} processor milliseconds of the processor for each message, of both peers, from their start on.
 */

/** @param {string} kind @param {readonly string[]} words for its peers @returns {Promise<Outcome>} */
async function run(kind, words) {
  const file = fileURLToPath(import.meta.url);
  const ends = ['Receiver', 'Sender'].map(async (role) => {
    const peer = fork(file, [kind + role, ...words]);
    /** @type {Partial<Outcome>} */
    let said = {};
    peer.on('message', (message) => {
      said = /** @type {Partial<Outcome>} */ (message);
    });
    const [code] = await once(peer, 'exit');
    if (code !== 0) throw new Error(`${kind}${role} has ended with ${code}`);
    return said;
  });
  const [receiver, sender] = await Promise.all(ends);
  const processor = (receiver?.processor ?? 0) + (sender?.processor ?? 0);
  return { rate: receiver?.rate ?? 0, processor };
}

async function main() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      messages: { type: 'string', default: '300' },
      storage: { type: 'string', default: 'file' },
      bare: { type: 'boolean', default: false },
    },
  });
  const server = await NatsServer.start();
  const words = [server.url, values.messages, values.storage, values.bare ? 'bare' : ''];
  console.log('       plain client           @pageferry/nats');
  console.log('round  MiB/s  ms processor    MiB/s  ms processor    ratio of rates');
  const ratios = [];
  for (let round = 1; round <= Number(values.rounds); round++) {
    // Whoever is second finds the machine as the first one has left it.
    const kinds = round % 2 === 0 ? ['plain', 'pageferry'] : ['pageferry', 'plain'];
    /** @type {Record<string, Outcome>} */
    const outcomes = {};
    for (const kind of kinds) outcomes[kind] = await run(kind, words);
    const { plain, pageferry } = outcomes;
    if (plain === undefined || pageferry === undefined) throw new Error('somebody has not run');
    const columns = [plain, pageferry].map(({ rate, processor }) => {
      const inMib = (rate / MIB).toFixed(0).padStart(5);
      return `${inMib}  ${processor.toFixed(2).padStart(12)}`;
    });
    const ratio = pageferry.rate / plain.rate;
    ratios.push(ratio);
    console.log(`${`${round}`.padStart(5)}  ${columns.join('    ')}    ${ratio.toFixed(2)}`);
  }
  ratios.sort((a, b) => a - b);
  const median = ratios[Math.floor(ratios.length / 2)] ?? 0;
  console.log(
    `ratio: ${ratios[0]?.toFixed(2)} to ${ratios.at(-1)?.toFixed(2)}, median ${median.toFixed(2)}`,
  );
  await server.remove();
}

const [role, url = '', count = '', storage, bare] = process.argv.slice(2);
const peer = role === undefined ? undefined : peers[role];
if (peer === undefined) {
  await main();
} else {
  const options = { storage: storage === 'memory' ? storage : 'file', bare: bare === 'bare' };
  const rate = await peer(url, Number(count), /** @type {Options} */ (options));
  const { user, system } = process.cpuUsage();
  process.send?.({ rate, processor: (user + system) / 1000 / Number(count) });
  process.disconnect?.();
}
