import assert from 'node:assert/strict';
import { open, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { gunzipSync, gzip } from 'node:zlib';
import type { Delivery, Receiver, Sender, Transport } from '@pageferry/core';
import { collectUntil } from '../../linux-calls/support/collect-until.js';
import { turns } from '../harness/settling.js';

/*
 * A process with a sender and a receiver, in which memory goes while something of Node's or V8's still
 * reaches it. It ends with 0 if nothing has happened.
 */

const [moduleUrl = '', exportName = '', scenario = '', options = '{}'] = process.argv.slice(2);
const module: Record<string, Transport> = await import(moduleUrl);
const transport = module[exportName] as Transport;
const { sender: senderOptions, receiver: receiverOptions, endpoint: prefix } = JSON.parse(options);
const folder = tmpdir();
const LENGTH = 8 * 1024 * 1024;
let endpoints = 0;

interface Pair {
  readonly sender: Sender;
  readonly receiver: Receiver;
}

async function connect(poolBytes = 4 * LENGTH): Promise<Pair> {
  const endpoint = `${prefix}-${endpoints++}`;
  const sender = await transport.createSender({ endpoint, poolBytes, ...senderOptions });
  const receiver = await transport.createReceiver({ endpoint, ...receiverOptions });
  await sender.waitForReceivers();
  return { sender, receiver };
}

/** What takes a compressor its time. */
function content(): Buffer {
  const bytes = Buffer.alloc(LENGTH);
  for (let at = 0, word = 1; at < LENGTH; at += 4) {
    word = (word * 1103515245 + 12345) % 2 ** 31;
    bytes.writeInt32LE(word & 0xff, at);
  }
  return bytes;
}

async function deliver({ sender, receiver }: Pair, bytes: Uint8Array): Promise<Delivery> {
  const [delivery] = await Promise.all([receiver.receive(), sender.send(bytes)]);
  return delivery as Delivery;
}

/** A handler of SIGTERM closes while a response is being compressed. */
async function closeReceiver(): Promise<void> {
  const bytes = content();
  for (const poolBytes of [4 * LENGTH, 64 * 1024]) {
    const pair = await connect(poolBytes);
    let delivery: Delivery | undefined = await deliver(pair, bytes);
    const zipping = promisify(gzip)(delivery.bytes, { level: 1 });
    delivery = undefined;
    await turns(2);
    await pair.receiver.close();
    // The sender has its memory back, and uses it.
    await pair.sender.flush();
    (await pair.sender.loan(LENGTH)).bytes.fill(0xee);
    await pair.sender.close();
    assert.deepEqual(gunzipSync(await collectUntil(zipping)), bytes);
  }
}

async function destroySender(): Promise<void> {
  const bytes = content();
  for (const poolBytes of [4 * LENGTH, 64 * 1024]) {
    const { sender, receiver } = await connect(poolBytes);
    const loan = await sender.loan(LENGTH);
    loan.bytes.set(bytes);
    const zipping = promisify(gzip)(loan.bytes, { level: 1 });
    await turns(2);
    await sender.destroy();
    await receiver.close();
    assert.deepEqual(gunzipSync(await collectUntil(zipping)), bytes);
  }
}

/** A program that releases too early may write wrong bytes, and nothing worse. */
async function releaseEarly(): Promise<void> {
  const path = join(folder, `pageferry-jobs-${process.pid}.bin`);
  const file = await open(path, 'w');
  for (const poolBytes of [4 * LENGTH, 64 * 1024]) {
    const pair = await connect(poolBytes);
    let delivery: Delivery | undefined = await deliver(pair, content());
    const writing = file.write(delivery.bytes, 0, LENGTH, 0);
    await turns(1);
    delivery.release();
    delivery = undefined;
    await collectUntil(writing);
    await pair.receiver.close();
    await pair.sender.close();
  }
  await file.close();
  await rm(path);
}

/** What is marked is there until the process has ended. */
const marked = new Set<Uint8Array>();

async function mark(): Promise<void> {
  const { markAsUntransferable } = createRequire(import.meta.url)('node:worker_threads');
  for (const poolBytes of [4 * LENGTH, 64 * 1024]) {
    const pair = await connect(poolBytes);
    const { bytes } = await deliver(pair, Buffer.alloc(100_000, 7));
    // The smaller pool has no room beside the delivery.
    const loan = pair.sender.tryLoan(100)?.bytes;
    for (const each of loan ? [bytes, loan] : [bytes]) {
      markAsUntransferable(each.buffer);
      marked.add(each);
    }
    await pair.receiver.close();
    await pair.sender.close();
    assert.ok(bytes.every((byte) => byte === 7));
  }
}

/** How often V8 has collected the whole heap during a task. */
async function countMajors(task: () => Promise<void>): Promise<number> {
  let majors = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries() as unknown as { detail: { kind: number } }[]) {
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) majors++;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  await task();
  await turns(20);
  observer.disconnect();
  return majors;
}

/**
 * Some come by themselves: in the socket transport on Node 24, one for seven messages. One for each is what memory that
 * is counted for V8 again and again brings.
 */
const MOST_MAJORS = 30;

async function collectAfterJoins(): Promise<void> {
  const small = Buffer.from('small');
  const majors = await countMajors(async () => {
    const endpoint = `${prefix}-joins`;
    const sender = await transport.createSender({ endpoint, ...senderOptions });
    for (let join = 0; join < 100; join++) {
      const receiver = await transport.createReceiver({ endpoint, ...receiverOptions });
      await sender.waitForReceivers();
      (await deliver({ sender, receiver }, small)).release();
      await receiver.close();
    }
    await sender.close();
  });
  assert.ok(majors < MOST_MAJORS, `${majors} for 100 joins`);
}

async function collectAfterMessages(): Promise<void> {
  const large = Buffer.alloc(LENGTH);
  const majors = await countMajors(async () => {
    const pair = await connect(64 * 1024);
    for (let message = 0; message < 100; message++) (await deliver(pair, large)).release();
    await pair.receiver.close();
    await pair.sender.close();
  });
  assert.ok(majors < MOST_MAJORS, `${majors} for 100 messages`);
}

const scenarios: Readonly<Record<string, () => Promise<void>>> = {
  closeReceiver,
  destroySender,
  releaseEarly,
  mark,
  collectAfterJoins,
  collectAfterMessages,
};
await scenarios[scenario]?.();
