import { readdirSync } from 'node:fs';
import {
  createPipe,
  MAX_DESCRIPTORS_PER_MESSAGE,
  OwnedFd,
  POLLHUP,
  POLLIN,
  POLLOUT,
  UnixSocket,
  waitUntilReady,
} from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const calls = loadLinuxCalls();
const NONE = new Int32Array(0);
const countDescriptors = (): number => readdirSync('/proc/self/fd').length;
const someFd = (): OwnedFd => new OwnedFd(calls, calls.eventfd(0, 0));

let descriptors = 0;
beforeEach(() => {
  descriptors = countDescriptors();
});
afterEach(() => {
  expect(countDescriptors()).toBe(descriptors);
});

describe('a Unix socket', () => {
  let first: UnixSocket;
  let second: UnixSocket;
  beforeEach(() => {
    [first, second] = UnixSocket.pair(calls);
  });
  afterEach(() => {
    first.close();
    second.close();
  });

  /** The next message, which must be there. */
  function received(maxBytes = 100) {
    const message = second.receive(maxBytes);
    if (message === undefined || message === 'end') throw new Error(`no message: ${message}`);
    return message;
  }

  test('keeps messages apart, and says when there is none', () => {
    expect(second.receive(10)).toBeUndefined();
    expect(first.send(Buffer.from('one'))).toBe(true);
    expect(first.send(Buffer.from('two'))).toBe(true);
    expect(Buffer.from(received().bytes).toString()).toBe('one');
    expect(Buffer.from(received().bytes).toString()).toBe('two');
    expect(second.receive(10)).toBeUndefined();
  });

  test('carries as many descriptors as it says it does', () => {
    using fd = someFd();
    const passed = new Array(MAX_DESCRIPTORS_PER_MESSAGE).fill(fd);
    expect(first.send(Buffer.from('x'), passed)).toBe(true);
    const message = received();
    expect(message.descriptors.length).toBe(MAX_DESCRIPTORS_PER_MESSAGE);
    expect(message.truncated).toBe(false);
    for (const descriptor of message.descriptors) descriptor.close();
    expect(fd.open).toBe(true);
  });

  test('says that a message was cut off, and keeps nothing of what was lost', () => {
    first.send(Buffer.from('too long'));
    const message = received(3);
    expect(Buffer.from(message.bytes).toString()).toBe('too');
    expect(message.truncated).toBe(true);
    expect(second.receive(10)).toBeUndefined();
  });

  test('says when the peer has hung up, whatever it left unread', () => {
    first.send(Buffer.from('last words'));
    first.close();
    expect(Buffer.from(received().bytes).toString()).toBe('last words');
    expect(second.receive(10)).toBe('end');
    expect(second.send(Buffer.from('?'))).toBe(false);
  });

  test('says that the peer has hung up when it did not listen to the end', () => {
    second.send(Buffer.from('unread'));
    first.close();
    expect(second.receive(10)).toBe('end');
  });

  test('does not block when the peer does not listen', () => {
    const message = Buffer.alloc(1000);
    let sent = 0;
    while (first.send(message)) sent++;
    expect(sent).toBeGreaterThan(0);
    received(2000);
    while (second.receive(2000) !== undefined);
    expect(first.send(message)).toBe(true);
  });

  test('knows who is at the other end', () => {
    expect(first.peerCredentials()).toEqual({
      pid: process.pid,
      uid: process.getuid?.(),
      gid: process.getgid?.(),
    });
  });

  test('that is not connected cannot send', () => {
    using lonely = UnixSocket.create(calls);
    expect(() => lonely.send(Buffer.from('x'))).toThrow(
      expect.objectContaining({ syscall: 'sendmsg', errnoName: 'ENOTCONN' }),
    );
    expect(calls.sendmsg(lonely.fd, new Uint8Array(1), 0, 1, NONE, 0, 0)).toBeLessThan(0);
  });
});

function disposablePipe() {
  const pipe = createPipe(calls);
  return {
    ...pipe,
    [Symbol.dispose]() {
      pipe.readEnd.close();
      pipe.writeEnd.close();
    },
  };
}

describe('waiting for a descriptor', () => {
  test('ends at once when it is ready already', async () => {
    using pipe = disposablePipe();
    expect(await waitUntilReady(calls, pipe.writeEnd.fd, POLLOUT, 0)).toBe(POLLOUT);
  });

  test('ends when it becomes ready, parked or spinning', async () => {
    using pipe = disposablePipe();
    for (const spin of [0, 1000]) {
      const waiting = waitUntilReady(calls, pipe.readEnd.fd, POLLIN, spin);
      calls.write(pipe.writeEnd.fd, new Uint8Array(1), 0, 1);
      expect(await waiting).toBe(POLLIN);
      calls.read(pipe.readEnd.fd, new Uint8Array(1), 0, 1);
    }
  });

  test('ends when the other end is gone', async () => {
    using pipe = disposablePipe();
    const waiting = waitUntilReady(calls, pipe.readEnd.fd, POLLIN, 0);
    pipe.writeEnd.close();
    expect((await waiting) & POLLHUP).toBe(POLLHUP);
  });

  test('can be done by several at once, beside a watcher', async () => {
    using pipe = disposablePipe();
    const watched = new Promise<void>((resolve) => {
      const watcher = calls.watch(pipe.readEnd.fd, POLLIN, () => {
        if (typeof watcher === 'object') watcher.close();
        resolve();
      });
    });
    const waits = [1, 2, 3].map(() => waitUntilReady(calls, pipe.readEnd.fd, POLLIN, 0));
    calls.write(pipe.writeEnd.fd, new Uint8Array(1), 0, 1);
    expect(await Promise.all(waits)).toEqual([POLLIN, POLLIN, POLLIN]);
    await watched;
  });

  test('ends with its signal, before and while it waits', async () => {
    using pipe = disposablePipe();
    const controller = new AbortController();
    const waiting = waitUntilReady(calls, pipe.readEnd.fd, POLLIN, 0, controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(
      waitUntilReady(calls, pipe.writeEnd.fd, POLLOUT, 0, controller.signal),
    ).rejects.toThrow('enough');
  });

  test('fails for a descriptor that is not open', async () => {
    await expect(waitUntilReady(calls, 9999, POLLIN, 0)).rejects.toThrow(
      expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', errnoName: 'EBADF' }),
    );
  });
});
