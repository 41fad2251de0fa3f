import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Transport } from '../packages/core/dist/contract/index.js';
import { sharedMmap } from '../packages/shared-mmap/dist/index.js';
import { socketTransport } from '../packages/socket/dist/index.js';
import { temporaryFolder, turns } from '../packages/testkit/dist/index.js';
import { vmspliceNapi } from '../packages/vmsplice-napi/dist/index.js';
import { forkProgram } from './support/fork-program.js';

const { fresh } = temporaryFolder();
const LIMIT = { timeout: 15_000 };

const transports: readonly (readonly [string, string, Transport])[] = [
  ['shared-mmap', 'sharedMmap', sharedMmap],
  ['vmsplice-napi', 'vmspliceNapi', vmspliceNapi],
  ['socket', 'socketTransport', socketTransport],
];

/** Blocks this thread until a process has ended, so that its event loop learns of all that happened at once. */
function sleepUntilDead(pid: number): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  while (isAlive(pid)) Atomics.wait(cell, 0, 0, 5);
}

/** False also for a zombie: the event loop has not turned since it ended. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

describe.each(transports)('over %s', (folder, name, transport) => {
  const moduleUrl = new URL(`../packages/${folder}/dist/index.js`, import.meta.url).href;

  /** A process that runs `act` with a channel, lets go out what waits to, and is killed. */
  function startDying(endpoint: string, act: string) {
    const program = `
      const { ${name}: transport } = await import('${moduleUrl}');
      const channel = await transport.connect({ endpoint: ${JSON.stringify(endpoint)} });
      ${act}
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
      process.kill(process.pid, 'SIGKILL');`;
    return forkProgram(program);
  }

  test('answers that came before their sender was killed are there, and then its death', async () => {
    const endpoint = fresh();
    await using listener = await transport.listen({ endpoint });
    const child = startDying(
      endpoint,
      `for (let count = 0; count < 3; count++) {
        const question = await channel.receive();
        await question.respond(Buffer.alloc(1000 + count, count));
      }
      await channel.receive();`,
    );
    await using channel = await listener.accept(LIMIT);
    const asked = [0, 1, 2].map((number) => channel.request(Buffer.alloc(10, number), LIMIT));
    const open = channel.request(Buffer.alloc(1), LIMIT);
    open.catch(() => undefined);
    await turns();
    sleepUntilDead(child.pid as number);
    const answers = await Promise.all(asked);
    expect(answers.map((answer) => answer.copy())).toEqual(
      [0, 1, 2].map((number) => Buffer.alloc(1000 + number, number)),
    );
    for (const answer of answers) answer.release();
    await expect(open).rejects.toMatchObject({ code: 'PEER_DIED' });
    expect(channel.stats()).toMatchObject({ requestsOpen: 0, deliveriesHeld: 0 });
  });

  test('what it gave back before it was killed is no breach of the protocol', async () => {
    const endpoint = fresh();
    await using listener = await transport.listen({ endpoint });
    const child = startDying(
      endpoint,
      'for (let count = 0; count < 2; count++) (await channel.receive()).release();',
    );
    await using channel = await listener.accept(LIMIT);
    for (let count = 0; count < 2; count++) await channel.send(Buffer.alloc(1000));
    sleepUntilDead(child.pid as number);
    // This write fails, before what the other side has said is read.
    expect(channel.tryLoan(1000)?.trySend()).toBe('sent');
    await expect(channel.receive(LIMIT)).rejects.toMatchObject({ code: 'PEER_DIED' });
  });
});
