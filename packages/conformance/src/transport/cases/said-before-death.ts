import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type ChannelStage, describeChannels } from '../harness/channel-stage.js';
import { expectFailure } from '../harness/expectations.js';
import { receiveOne } from '../harness/here.js';
import { startProgram } from '../harness/program.js';
import { turns } from '../harness/settling.js';
import type { Subject } from '../registration.js';

/**
 * What a peer has said before it was killed counts, though the event loop learns of all of it, and of its death, in
 * one turn: which of them is seen first does not matter.
 */
export function describeSaidBeforeDeath(subject: Subject): void {
  const applies = subject.processes && process.platform === 'linux';
  describeChannels('what was said before a death', subject, describeCases, applies);
}

function describeCases(stage: ChannelStage): void {
  /** A process that does something with a channel, lets go out what waits to, and is killed. */
  const startDying = (endpoint: string, act: string) =>
    startProgram(
      stage,
      `const endpoint = ${JSON.stringify(endpoint)};
      const channel = await transport.connect({ endpoint, ...channelOptions });
      ${act}
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
      process.kill(process.pid, 'SIGKILL');`,
    );

  test('answers that came are there, and then its death', async () => {
    const listener = await stage.listener();
    const { pid } = startDying(
      listener.endpoint,
      `for (let count = 0; count < 3; count++) {
        const question = await channel.receive();
        await question.respond(Buffer.alloc(1000 + count, count));
      }
      await channel.receive();`,
    );
    const channel = await listener.accept();
    const asked = [0, 1, 2].map((number) => channel.request(Buffer.alloc(10, number)));
    const open = channel.request(Buffer.alloc(1));
    open.catch(() => undefined);
    await turns();
    sleepUntilDead(pid);
    const answers = await Promise.all(asked);
    expect(answers.map((answer) => answer.copy())).toEqual(
      [0, 1, 2].map((number) => Buffer.alloc(1000 + number, number)),
    );
    for (const answer of answers) answer.release();
    await expectFailure(() => open, 'PEER_DIED');
    expect(channel.stats()).toMatchObject({ requestsOpen: 0, deliveriesHeld: 0 });
  });

  test('messages that came are there, and then its death', async () => {
    const listener = await stage.listener();
    const { pid } = startDying(
      listener.endpoint,
      'for (let count = 0; count < 3; count++) await channel.send(Buffer.alloc(1000, count));',
    );
    const channel = await listener.accept();
    sleepUntilDead(pid);
    for (let count = 0; count < 3; count++) {
      using message = await receiveOne(channel);
      expect(message.copy()).toEqual(Buffer.alloc(1000, count));
    }
    await expectFailure(() => channel.receive(), 'PEER_DIED');
  });

  test('what it gave back is no breach of the protocol', async () => {
    const listener = await stage.listener();
    const { pid } = startDying(
      listener.endpoint,
      'for (let count = 0; count < 2; count++) (await channel.receive()).release();',
    );
    const channel = await listener.accept();
    for (let count = 0; count < 2; count++) await channel.send(Buffer.alloc(1000));
    sleepUntilDead(pid);
    // This write fails, before what the other side has said is read.
    expect(channel.tryLoan(1000)?.trySend()).toBe('sent');
    await expectFailure(() => channel.receive(), 'PEER_DIED');
  });
}

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
