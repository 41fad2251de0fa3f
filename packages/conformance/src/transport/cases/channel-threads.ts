import { expect, test } from 'vitest';
import {
  type ChannelStage,
  describeBothRoles,
  describeChannels,
  type Role,
} from '../harness/channel-stage.js';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { expectAnswered } from '../harness/questions.js';
import { MID_STREAM, RemoteThread } from '../harness/remote-thread.js';
import type { Subject } from '../registration.js';

const MIB = 1024 * 1024;
const LENGTHS = [0, 1, 4097, 3 * MIB, 70_000];

/** Both sides of a channel in one process: in one thread, in two, and when a thread is ended with it open. */
export function describeChannelThreads(subject: Subject): void {
  const { sameProcess } = subject.transport.capabilities;
  const hasThreads = sameProcess && subject.processes;
  describeBothRoles('channels on one event loop', subject, describeOneLoop, sameProcess);
  describeBothRoles('channels to a thread', subject, describeThread, hasThreads);
  describeChannels('channels between threads', subject, describeSeveralThreads, hasThreads);
}

function describeOneLoop(stage: ChannelStage, role: Role): void {
  test('both sides work on it', async () => {
    const { here, there } = await stage.bothHere(role);
    const serving = [here.serve(LENGTHS.length + 100), there.serve(LENGTHS.length + 100)];
    await Promise.all([here.send(...LENGTHS), there.send(...LENGTHS)]);
    for (const side of [here, there]) expectAnswered(await side.ask(100, 5000), 100);
    for (const report of await Promise.all(serving)) {
      expect(report).toMatchObject({ messages: 105, questions: 100, problems: [] });
    }
  });
}

function describeThread(stage: ChannelStage, role: Role): void {
  test('a thread that is terminated is a dead peer', async () => {
    const process = await stage.peer();
    const thread = await RemoteThread.start(process);
    const { here, there } = await stage.pair(role, {}, thread);
    await there.send(10, 20);
    await here.sendMany(3, 5000);
    await there.hold(1);
    const asking = here.ask(1, 100);
    await thread.end();
    expectReceived(await here.receive(2), { messages: 2 });
    await expectFailure(() => here.channel.receive(), 'PEER_DIED');
    expect((await asking).failures).toEqual(['PEER_DIED']);
    await here.flush();
    expect(here.channel.stats()).toMatchObject({ bytesOut: 0, requestsOpen: 0 });
  });
}

function describeSeveralThreads(stage: ChannelStage): void {
  test('two threads exchange everything', async () => {
    const process = await stage.peer();
    const threads = await Promise.all([RemoteThread.start(process), RemoteThread.start(process)]);
    const listener = await stage.remoteListener(stage.endpoint(), {}, threads[0]);
    const one = await stage.remoteChannel(listener.endpoint, {}, threads[1]);
    const two = await listener.accept();
    const received = [one.receive(2005), two.receive(2005)];
    for (const side of [one, two]) await side.send(...LENGTHS);
    await Promise.all([one.sendMany(2000, 300), two.sendMany(2000, 300)]);
    for (const report of received) expectReceived(await report, { messages: 2005 });
    const serving = two.serve(100);
    expectAnswered(await one.ask(100, 500), 100);
    await serving;
  });

  test('two threads ask and answer by polling', async () => {
    const process = await stage.peer();
    const threads = await Promise.all([RemoteThread.start(process), RemoteThread.start(process)]);
    const listener = await stage.remoteListener(stage.endpoint(), {}, threads[0]);
    const one = await stage.remoteChannel(listener.endpoint, {}, threads[1]);
    const two = await listener.accept();
    for (const [asker, server] of [
      [one, two],
      [two, one],
    ] as const) {
      const serving = server.servePolling(200);
      expectAnswered(await asker.askPolling(200, 5000), 200);
      await serving;
      expect(await asker.stats()).toMatchObject({ requestsOpen: 0, loansHeld: 0 });
    }
  });

  test('threads that are terminated in mid-stream leave no descriptor behind', async () => {
    const process = await stage.peer(true);
    const cycle = async (): Promise<void> => {
      const threads = await Promise.all([RemoteThread.start(process), RemoteThread.start(process)]);
      const small = { poolBytes: MID_STREAM.poolBytes };
      const listener = await stage.remoteListener(stage.endpoint(), small, threads[0]);
      const one = await stage.remoteChannel(listener.endpoint, small, threads[1]);
      const two = await listener.accept();
      for (const side of [one, two]) void side.sendMany(1_000_000, 5000).catch(() => {});
      await Promise.all([one.receive(MID_STREAM.messages), two.receive(MID_STREAM.messages)]);
      await Promise.all(threads.map((thread) => thread.end()));
    };
    await cycle();
    const before = await process.call('usage');
    for (let round = 0; round < 3; round++) await cycle();
    const after = await process.call('usage');
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
  });
}
