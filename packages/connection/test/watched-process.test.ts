import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  establish,
  openConnection,
  PLAIN_RECEIVER,
  PLAIN_SENDER,
  type ReceiverConnection,
  type SenderConnection,
} from '@pageferry/connection';
import type { LinuxCalls } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, type Opening, openConnectionPair } from '@pageferry/testkit';
import { describe, expect, test, vi } from 'vitest';

const real = loadLinuxCalls();
const EIO = 5;

const PLAIN: Opening<SenderConnection, ReceiverConnection> = {
  establish: (...where) => establish(...where, PLAIN_SENDER),
  openConnection: (...where) => openConnection(...where, PLAIN_RECEIVER),
};

describe('a process that is watched for its end', () => {
  expectNothingLeft();

  test('has not ended when watching it fails', () => {
    let tell: (error: number, revents: number) => void = () => {};
    const calls: LinuxCalls = {
      ...real,
      watch(fd, events, callback, owns) {
        tell = callback;
        return real.watch(fd, events, callback, owns);
      },
    };
    const { sender, receiver } = openConnectionPair(real, PLAIN);
    sender.watchProcess(calls, process.ppid);
    tell(-EIO, 0);
    expect([sender.peerEnded, sender.receiverHasEnded()]).toEqual([false, false]);
    // The socket tells all the same.
    receiver.close();
    expect(sender.receiverHasEnded()).toBe(true);
    sender.close();
  });

  test('has ended when it has', async () => {
    const child = spawn('sleep', ['600']);
    const { sender, receiver } = openConnectionPair(real, PLAIN);
    sender.watchProcess(real, child.pid);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await vi.waitUntil(() => sender.peerEnded);
    expect(sender.receiverHasEnded()).toBe(true);
    sender.close();
    receiver.close();
  });
});
