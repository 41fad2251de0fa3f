// @ts-check
// `program POLICY memory|descriptors`: a receiver that has no descriptor left when the memory of a message comes, or what
// travels with it. Ends with 0 if it
// misses that message alone, says so, and gets the next ones.
import assert from 'node:assert/strict';
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sharedMmap } from '@pageferry/shared-mmap';

const [policy = 'wait', what = 'memory', endpoint] = process.argv.slice(2);
const whenBehind = /** @type {import('@pageferry/shared-mmap').BehindPolicy} */ (policy);
const LARGE = 300_000;
const POOL = { poolBytes: 64 * 1024 };

/** @param {string} path */
async function receive(path) {
  const receiver = await sharedMmap.createReceiver({ endpoint: path, whenBehind });
  execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=64:']);
  /** @type {number[]} */
  const full = [];
  try {
    for (;;) full.push(openSync('/dev/null', 'r'));
  } catch {}
  process.send?.('full');
  /** @type {unknown[]} */
  const seen = [];
  const take = async () => {
    try {
      const delivery = await receiver.receive({ timeout: 10_000 });
      if (delivery === undefined) return false;
      seen.push([delivery.sequence, delivery.bytes[delivery.byteLength - 1]]);
      delivery.release();
    } catch (error) {
      const { code, errnoName } = /** @type {import('@pageferry/core').PageferryError} */ (error);
      seen.push([code, errnoName]);
    }
    return true;
  };
  if (policy === 'wait') await take();
  await take();
  for (const fd of full) closeSync(fd);
  process.send?.('free');
  while (await take());
  const lost = policy === 'wait' ? [['SYSTEM_CALL_FAILED', 'EMFILE']] : [];
  assert.deepEqual(seen, [...lost, [1, 2], [2, 3]]);
  assert.equal(receiver.stats().messagesDropped, 1);
  process.exit();
}

if (endpoint === undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-'));
  const path = join(folder, 'endpoint');
  const sender = await sharedMmap.createSender({ endpoint: path, ...POOL });
  const child = fork(fileURLToPath(import.meta.url), [policy, what, path]);
  const ended = once(child, 'exit');
  const said = async () => (await once(child, 'message'))[0];
  assert.equal(await said(), 'full');
  await sender.waitForReceivers();
  const free = said();
  /** @param {number} value */
  const send = (value) => {
    const bytes = new Uint8Array(what === 'memory' ? LARGE : 100).fill(value);
    return what === 'memory' ? sender.send(bytes) : sender.sendDescriptors([0, 0, 0], { bytes });
  };
  assert.equal(await send(1), 'sent');
  // It gives the message back at once.
  await sender.flush();
  assert.equal(await sender.send(new Uint8Array(100).fill(2)), 'sent');
  assert.equal(await free, 'free');
  assert.equal(await send(3), 'sent');
  await sender.flush();
  assert.equal(sender.receivers.length, 1);
  await sender.close();
  rmSync(folder, { recursive: true });
  process.exit((await ended)[0]);
} else {
  await receive(endpoint);
}
