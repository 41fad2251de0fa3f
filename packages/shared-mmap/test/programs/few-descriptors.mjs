// @ts-check
// A sender with eight receivers, all of an ordinary user with few descriptors, who may have no more than that
// under way over sockets (ETOOMANYREFS). Ends with 0 if every receiver has seen every byte as it was sent, the
// ones that it held included. To be run by root, who has no such limit.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const USER = 65533;
const LIMIT = 104;
const RECEIVERS = 8;
const MESSAGES = 600;
const POOL = 2 * 1024 * 1024;
/** More than the pool has at a stretch. */
const LARGE = 20 * 1024;
const PIECE = 16 * 1024;

const [role = 'start', endpoint = ''] = process.argv.slice(2);
const nothing = new Int32Array(new SharedArrayBuffer(4));
const value = (/** @type {number} */ sequence) => (sequence * 31 + 7) & 255;

/** Has this program run in another role. @param {string[]} words */
function run(...words) {
  return spawn(process.execPath, [fileURLToPath(import.meta.url), ...words], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    uid: process.getuid?.() || USER,
    gid: USER,
  });
}

/** The transport, in a process that may have few descriptors from then on: Node itself takes many to load it. */
async function loadWithFewDescriptors() {
  const { sharedMmap } = await import('@pageferry/shared-mmap');
  execFileSync('prlimit', [`--pid=${process.pid}`, `--nofile=${LIMIT}`]);
  return sharedMmap;
}

async function start() {
  const { chownSync } = await import('node:fs');
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-'));
  chownSync(folder, USER, USER);
  const path = join(folder, 'endpoint');
  const children = [
    run('send', path),
    ...Array.from({ length: RECEIVERS }, () => run('receive', path)),
  ];
  const codes = await Promise.all(
    children.map(async (child) => {
      const [code] = await once(child, 'exit');
      // The others would wait for it.
      if (code !== 0) for (const other of children) other.kill('SIGKILL');
      return code;
    }),
  );
  rmSync(folder, { recursive: true });
  if (codes.some((code) => code !== 0)) throw new Error(`ended with ${codes}`);
}

async function send() {
  const sharedMmap = await loadWithFewDescriptors();
  const sender = await sharedMmap.createSender({ endpoint, poolBytes: POOL });
  await sender.waitForReceivers(RECEIVERS);
  // What is lent leaves no room at a stretch: large messages have memory of their own.
  const pieces = await Promise.all(Array.from({ length: POOL / PIECE }, () => sender.loan(PIECE)));
  for (const [index, piece] of pieces.entries()) if (index % 2 === 0) piece.release();
  for (let sequence = 0; sequence < MESSAGES; sequence++) {
    const large = sequence % 20 < 15;
    const bytes = new Uint8Array(large ? LARGE : 500).fill(value(sequence));
    const outcome = await sender.send(bytes);
    if (outcome !== 'sent') throw new Error(`message ${sequence}: ${outcome}`);
  }
  if (sender.receivers.length !== RECEIVERS) throw new Error('a receiver was cut off');
  for (const piece of pieces) piece.release();
  await sender.close();
}

async function receive() {
  const sharedMmap = await loadWithFewDescriptors();
  const receiver = await sharedMmap.createReceiver({ endpoint });
  /** @type {import('@pageferry/core').Delivery[]} */
  const held = [];
  let next = 0;
  const check = (/** @type {import('@pageferry/core').Delivery} */ { bytes, sequence }) => {
    if (!bytes.every((byte) => byte === value(sequence))) throw new Error(`${sequence} is wrong`);
  };
  for await (const delivery of receiver) {
    if (delivery.sequence !== next++)
      throw new Error(`${delivery.sequence} instead of ${next - 1}`);
    check(delivery);
    if (delivery.byteLength === LARGE) {
      delivery.release();
      // Its event loop has no turn to take off the socket what is passed meanwhile.
      if (next % 100 === 1) Atomics.wait(nothing, 0, 0, 300);
      continue;
    }
    held.push(delivery);
    if (held.length <= 5) continue;
    const oldest = /** @type {import('@pageferry/core').Delivery} */ (held.shift());
    check(oldest);
    oldest.release();
  }
  for (const delivery of held) check(delivery);
  if (next !== MESSAGES) throw new Error(`${next} messages`);
  await receiver.close();
}

// Whoever has started this is gone: so is the reason for it.
if (role !== 'start') process.once('disconnect', () => process.exit(1));

const roles = { start, send, receive };
await roles[/** @type {keyof typeof roles} */ (role)]();
process.exit();
