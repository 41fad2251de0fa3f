// What a bridge costs: `node packages/bridge/scripts/processor-time.js [--rounds N] [--messages N] [--bytes N]
// [--storage memory]`, after `pnpm build`.
//
// The same messages go from one process to another one through a nats-server that is started for it, in turns: by a sender over
// NATS, and by a sender of shared memory and a bridge. The sender writes each message, the receiver looks at every byte.
// What is printed is for how long the processes had the processor for each message, from the moment in which they were
// connected: those of ours, and with the server, which has the same to do in both.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { natsTransport } from '@pageferry/nats';
import { sharedMmap } from '@pageferry/shared-mmap';
import { NatsServer } from '@pageferry/testkit/nats-server';
import { openBridge } from '../dist/index.js';

const ENDPOINT = 'nats:processor-time';
/** Clock ticks of proc_pid_stat(5) in a second, on every Linux that Node runs on. */
const TICKS = 100;

/**
 * What a peer is started with.
 *
 * @typedef {object} Task
 * @property {string} role
 * @property {string} servers
 * @property {string} local endpoint of the sender of shared memory.
 * @property {number} count
 * @property {number} byteLength
 * @property {'file' | 'memory'} storage
 */

/** @param {Uint8Array} bytes @param {Buffer} content @param {number} number */
function write(bytes, content, number) {
  bytes.set(content);
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, number);
}

/** @param {import('@pageferry/core').Sender} sender @param {Task} task @param {() => void} begin */
async function send(sender, { count, byteLength }, begin) {
  const content = Buffer.alloc(byteLength, 'every byte of it is looked at. ');
  await sender.waitForReceivers();
  begin();
  const sending = [];
  for (let number = 0; number < count; number++) {
    const loan = await sender.loan(byteLength);
    write(loan.bytes, content, number);
    sending.push(loan.send());
  }
  await Promise.all(sending);
  await sender.flush();
  await sender.close();
}

/**
 * The peers: each is a process of its own, and calls `begin` when it is connected.
 *
 * @type {Record<string, (task: Task, begin: () => void) => Promise<void>>}
 */
const peers = {
  async natsSender(task, begin) {
    const { servers, storage } = task;
    await send(
      await natsTransport({ servers }).createSender({ endpoint: ENDPOINT, storage }),
      task,
      begin,
    );
  },

  async localSender(task, begin) {
    await send(await sharedMmap.createSender({ endpoint: task.local }), task, begin);
  },

  async bridge({ servers, local, storage }, begin) {
    const bridge = openBridge({
      from: { transport: sharedMmap, endpoint: local },
      to: { transport: natsTransport({ servers }), endpoint: ENDPOINT, options: { storage } },
      once: true,
      onStateChange: ({ state }) => {
        if (state === 'bridging') begin();
      },
    });
    await bridge.closed;
  },

  async receiver({ servers, count, byteLength }, begin) {
    const content = Buffer.alloc(byteLength, 'every byte of it is looked at. ');
    const receiver = await natsTransport({ servers }).createReceiver({ endpoint: ENDPOINT });
    begin();
    let received = 0;
    for await (const { bytes, release } of rest(receiver)) {
      const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
      const isRight =
        bytes.length === byteLength && Buffer.compare(bytes.subarray(4), content.subarray(4)) === 0;
      if (number !== received || !isRight) throw new Error(`message ${received} is wrong`);
      received++;
      release();
    }
    if (received !== count) throw new Error(`${received} of ${count} messages have come`);
    await receiver.close();
  },
};

/** @param {import('@pageferry/core').Receiver} receiver */
async function* rest(receiver) {
  for await (const delivery of receiver) {
    yield { bytes: delivery.bytes, release: () => delivery.release() };
  }
}

/** Processor time of another process, in milliseconds. @param {number} pid */
function processorTimeOf(pid) {
  const words = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return ((Number(words[11]) + Number(words[12])) * 1000) / TICKS;
}

/**
 * @param {readonly string[]} roles
 * @param {Omit<Task, 'role'>} task
 * @param {NatsServer} server
 * @returns {Promise<{ own: number, all: number }>} milliseconds of the processor for each message.
 */
async function run(roles, task, server) {
  const before = processorTimeOf(server.pid);
  const ends = roles.map(async (role) => {
    const peer = fork(fileURLToPath(import.meta.url), [JSON.stringify({ ...task, role })]);
    let time = 0;
    peer.on('message', (message) => {
      time = /** @type {number} */ (message);
    });
    const [code] = await once(peer, 'exit');
    if (code !== 0) throw new Error(`${role} has ended with ${code}`);
    return time;
  });
  const own = (await Promise.all(ends)).reduce((sum, time) => sum + time, 0);
  const all = own + processorTimeOf(server.pid) - before;
  return { own: own / task.count, all: all / task.count };
}

/** @param {readonly number[]} ratios */
function rangeOf(ratios) {
  const sorted = [...ratios].sort((a, b) => a - b);
  const [least, median, most] = [0, Math.floor(sorted.length / 2), sorted.length - 1].map((at) =>
    sorted[at]?.toFixed(2),
  );
  return `${least} to ${most}, median ${median}`;
}

async function main() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      messages: { type: 'string', default: '1000' },
      bytes: { type: 'string', default: `${1024 * 1024}` },
      storage: { type: 'string', default: 'file' },
    },
  });
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-bridge-'));
  const server = await NatsServer.start();
  const task = {
    servers: server.url,
    local: join(folder, 'local'),
    count: Number(values.messages),
    byteLength: Number(values.bytes),
    storage: /** @type {'file' | 'memory'} */ (values.storage === 'memory' ? 'memory' : 'file'),
  };
  console.log('milliseconds of the processor for each message');
  console.log('       over NATS alone      with a bridge        ratio');
  console.log('round  ours  with server    ours  with server    ours  with server');
  /** @type {{ own: number[], all: number[] }} */
  const ratios = { own: [], all: [] };
  try {
    for (let round = 1; round <= Number(values.rounds); round++) {
      const kinds = [
        ['receiver', 'natsSender'],
        ['receiver', 'bridge', 'localSender'],
      ];
      // Whoever is second finds the machine as the first one has left it.
      if (round % 2 === 0) kinds.reverse();
      const [first, second] = [
        await run(kinds[0] ?? [], task, server),
        await run(kinds[1] ?? [], task, server),
      ];
      const [plain, bridged] = round % 2 === 0 ? [second, first] : [first, second];
      const own = bridged.own / plain.own;
      const all = bridged.all / plain.all;
      ratios.own.push(own);
      ratios.all.push(all);
      const columns = [plain, bridged].map(
        (each) => `${each.own.toFixed(2).padStart(4)}  ${each.all.toFixed(2).padStart(11)}`,
      );
      const last = `${own.toFixed(2).padStart(4)}  ${all.toFixed(2).padStart(11)}`;
      console.log(`${`${round}`.padStart(5)}  ${columns.join('    ')}    ${last}`);
    }
  } finally {
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`ratio: ${rangeOf(ratios.own)}; with the server ${rangeOf(ratios.all)}`);
}

const [given] = process.argv.slice(2);
if (given?.startsWith('{')) {
  const task = /** @type {Task} */ (JSON.parse(given));
  let before = process.cpuUsage();
  await peers[task.role]?.(task, () => {
    before = process.cpuUsage();
  });
  const { user, system } = process.cpuUsage(before);
  process.send?.((user + system) / 1000);
  process.disconnect?.();
} else {
  await main();
}
