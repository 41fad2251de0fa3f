import { closeSync, openSync } from 'node:fs';
import { openSocketPair } from '@pageferry/connection';
import {
  AF_UNIX,
  EBADF,
  O_NONBLOCK,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  UnixSocket,
} from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, temporaryFolder, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { adoptSocket } from '../dist/rendezvous/inherited.js';

const calls = loadLinuxCalls();
const folder = temporaryFolder();
const INVALID = withCode('ENDPOINT_INVALID');

/** The descriptor stays the caller's, as open as it was. */
function expectRefusal(fd: number): void {
  expect(() => adoptSocket(calls, fd)).toThrow(INVALID);
  expect(calls.getStatusFlags(fd)).toBeGreaterThanOrEqual(0);
  calls.close(fd);
}

describe('an inherited socket', () => {
  expectNothingLeft();

  test('is handed over: its number is free again, and the other end still answers', () => {
    const { ours, childs } = openSocketPair(calls);
    const inherited = childs.release();
    using adopted = adoptSocket(calls, inherited);
    using other = new UnixSocket(calls, ours);
    expect(adopted.fd).not.toBe(inherited);
    expect(calls.getStatusFlags(inherited)).toBe(-EBADF);
    expect(other.send(new Uint8Array([1, 2]))).toBe(true);
    expect(adopted.receive(8)).toMatchObject({ bytes: new Uint8Array([1, 2]) });
  });

  test('does not block, though whoever made it did not ask for that', () => {
    const ends = new Int32Array(2);
    calls.socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends);
    const [inherited, other] = ends as unknown as [number, number];
    using adopted = adoptSocket(calls, inherited);
    expect(calls.getStatusFlags(adopted.fd) & O_NONBLOCK).toBe(O_NONBLOCK);
    expect(adopted.receive(8)).toBeUndefined();
    calls.close(other);
  });

  test('whose other end has hung up already is adopted, and tells of it', () => {
    const { ours, childs } = openSocketPair(calls);
    ours.close();
    using adopted = adoptSocket(calls, childs.release());
    expect(adopted.receive(8)).toBe('end');
  });
});

describe('a descriptor cannot be an endpoint', () => {
  expectNothingLeft();

  test('if it is not open', () => {
    const fd = openSync('/dev/null', 'r');
    closeSync(fd);
    expect(() => adoptSocket(calls, fd)).toThrow(INVALID);
  });

  test('if it is a file, a device, a pipe or an eventfd', () => {
    const ends = new Int32Array(2);
    calls.pipe2(ends, 0);
    expectRefusal(openSync(folder.fresh(), 'w+'));
    expectRefusal(openSync('/dev/null', 'r+'));
    for (const end of ends) expectRefusal(end);
    expectRefusal(calls.eventfd(0, 0));
  });

  test('if it is a socket that does not keep message boundaries', () => {
    const ends = new Int32Array(2);
    calls.socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    for (const end of ends) expectRefusal(end);
  });

  test('if it is a socket that is connected to nobody', () => {
    expectRefusal(UnixSocket.create(calls).release().release());
  });

  test('if it is a socket that listens', () => {
    const listener = UnixSocket.create(calls);
    calls.bindUnix(listener.fd, folder.fresh());
    calls.listen(listener.fd, 1);
    expectRefusal(listener.release().release());
  });
});
