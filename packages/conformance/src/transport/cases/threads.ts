import type { Receiver, Sender } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { filledLoan, receiveChecked, sendPatterned } from '../harness/here.js';
import { MID_STREAM, RemoteThread } from '../harness/remote-thread.js';
import { useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

const MIB = 1024 * 1024;

/** Both ends in one process: in one thread, in two, and when a thread is ended with ends open. */
export function describeThreads(subject: Subject): void {
  const { sameProcess } = subject.transport.capabilities;

  describe.runIf(sameProcess)('one process', () => {
    const stage = useStage(subject);

    test('sender and receiver work on one event loop', async () => {
      const sender: Sender = await stage.sender();
      const receiver: Receiver = await stage.receiver(sender.endpoint);
      await sender.waitForReceivers();
      for (const [sequence, length] of [0, 1, 70_000, 24 * MIB].entries()) {
        const [outcome, report] = await Promise.all([
          sendPatterned(sender, length, sequence),
          receiveChecked(receiver, 1),
        ]);
        expect(outcome).toBe('sent');
        expectReceived(report, { messages: 1, first: sequence, bytes: length });
      }
      const closing = sender.close();
      expect((await receiver.receive())?.sequence).toBeUndefined();
      await closing;
    });
  });

  describe.runIf(sameProcess && subject.processes)('worker threads', () => {
    const stage = useStage(subject);

    test('a sender in one thread and a receiver in another exchange everything', async () => {
      const process = await stage.peer();
      const threads = await Promise.all([RemoteThread.start(process), RemoteThread.start(process)]);
      const endpoint = stage.endpoint();
      const sender = await stage.remoteSender(endpoint, {}, threads[0]);
      const receiver = await stage.remoteReceiver(endpoint, {}, threads[1]);
      await sender.waitForReceivers(1);
      const lengths = [0, 1, 4097, 3 * MIB, 70_000];
      const received = receiver.receive();
      await sender.send(...lengths);
      await sender.sendMany(5000, 300);
      await sender.close();
      expectReceived(await received, { messages: 5005, ended: true });
      expect((await process.call('usage')).descriptors).toBeGreaterThan(0);
    });

    test('a thread and the main thread of its process exchange messages', async () => {
      const process = await stage.peer();
      const thread = await RemoteThread.start(process);
      const endpoint = stage.endpoint();
      const receiver = stage.remoteReceiver(endpoint, {}, thread);
      const sender = await stage.remoteSender(endpoint, {}, process);
      const received = (await receiver).receive(3);
      await sender.waitForReceivers(1);
      await sender.send(1, 2 * MIB, 3);
      expectReceived(await received, { messages: 3 });
    });

    test('a thread that is terminated with a live sender is a dead peer', async () => {
      const process = await stage.peer();
      const thread = await RemoteThread.start(process);
      const endpoint = stage.endpoint();
      const sender = await stage.remoteSender(endpoint, {}, thread);
      const receiver = await stage.receiver(endpoint);
      await sender.waitForReceivers(1);
      await sender.send(10, 20);
      await thread.end();
      expectReceived(await receiveChecked(receiver, 2), { messages: 2 });
      await expectFailure(() => receiver.receive(), 'PEER_DIED');
      const next = await stage.remoteSender(endpoint, {}, process);
      expect(await next.receivers()).toEqual([]);
    });

    test('a thread that is terminated with a live receiver is a dead peer', async () => {
      const process = await stage.peer();
      const thread = await RemoteThread.start(process);
      const sender = await stage.sender();
      const receiver = await stage.remoteReceiver(sender.endpoint, {}, thread);
      await sender.waitForReceivers();
      const large = (await filledLoan(sender, 16 * MIB, 0)).send();
      await receiver.stats();
      await thread.end();
      expect(await large).toBe('sent');
      await sender.flush();
      await stage.until(() => sender.receivers.length === 0);
      expect(sender.stats().bytesOut).toBe(0);
      expect((await process.call('usage')).descriptors).toBeGreaterThan(0);
    });

    test('threads that are terminated in mid-stream leave no descriptor behind', async () => {
      const process = await stage.peer(true);
      const cycle = async (): Promise<void> => {
        const sending = await RemoteThread.start(process);
        const receiving = await RemoteThread.start(process);
        const endpoint = stage.endpoint();
        const sender = await stage.remoteSender(
          endpoint,
          { poolBytes: MID_STREAM.poolBytes },
          sending,
        );
        const receiver = await stage.remoteReceiver(endpoint, {}, receiving);
        await sender.waitForReceivers(1);
        void sender.sendMany(1_000_000, 5000).catch(() => {});
        await receiver.receive(MID_STREAM.messages);
        void receiver.receive().catch(() => {});
        await Promise.all([sending.end(), receiving.end()]);
      };
      await cycle();
      await cycle();
      const before = await process.call('usage');
      for (let round = 0; round < 5; round++) await cycle();
      const after = await process.call('usage');
      expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
    });
  });
}
