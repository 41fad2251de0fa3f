import { connect } from '@pageferry/connection';
import {
  decodeHello,
  encodeHello,
  HELLO_KIND,
  PROTOCOL_VERSION,
  REFUSAL,
  withDeadline,
} from '@pageferry/core';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, temporaryFolder, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { FakeSender } from './support/fake-peers.js';

const calls = loadLinuxCalls();
const folder = temporaryFolder();
const MECHANISM = 'test-mechanism';

const call = (path: string, signal?: AbortSignal) => connect(calls, path, MECHANISM, signal);

/** A handshake message of another version of the protocol. */
function ofVersion(version: number, kind: number): Uint8Array {
  const bytes = Buffer.from(encodeHello(kind, MECHANISM));
  bytes.writeUInt16LE(version, 8);
  return bytes;
}

/** A descriptor to pass along. */
function eventFd(): number {
  return calls.eventfd(0, 0);
}

const WHY = (): string => 'no sender';

describe('a receiver that connects', () => {
  expectNothingLeft();

  test('says which version and mechanism it speaks, and takes over what comes with the welcome', async () => {
    const path = folder.fresh();
    using sender = new FakeSender(calls, path);
    const connecting = call(path);
    const { socket, hello } = await sender.meet();
    expect(hello !== 'end' && decodeHello(hello.bytes)).toMatchObject({
      version: PROTOCOL_VERSION,
      kind: HELLO_KIND.hello,
      reason: 0,
      mechanism: MECHANISM,
    });
    const descriptors = [{ fd: eventFd() }, { fd: eventFd() }];
    socket.send(encodeHello(HELLO_KIND.welcome, MECHANISM), descriptors);
    for (const { fd } of descriptors) calls.close(fd);
    const welcome = await connecting;
    expect(welcome.descriptors.length).toBe(2);
    expect(welcome.descriptors.every((descriptor) => descriptor.open)).toBe(true);
    for (const descriptor of welcome.descriptors) descriptor.close();
    welcome.socket.close();
  });

  test.each([
    ['welcomes it in an older version', ofVersion(0, HELLO_KIND.welcome), 'VERSION_MISMATCH'],
    ['welcomes it in a newer version', ofVersion(77, HELLO_KIND.welcome), 'VERSION_MISMATCH'],
    ['refuses it in a newer version', ofVersion(77, HELLO_KIND.refusal), 'VERSION_MISMATCH'],
    ['says something else in a newer version', ofVersion(77, 4711), 'VERSION_MISMATCH'],
    ['refuses its version', encodeHello(3, 'other', REFUSAL.version), 'VERSION_MISMATCH'],
    ['refuses its mechanism', encodeHello(3, 'other', REFUSAL.mechanism), 'TRANSPORT_MISMATCH'],
    ['refuses its user', encodeHello(3, MECHANISM, REFUSAL.credentials), 'PEER_REJECTED'],
    ['has no room', encodeHello(3, MECHANISM, REFUSAL.noRoom), 'PEER_REJECTED'],
    ['failed to set things up', encodeHello(3, MECHANISM, REFUSAL.failure), 'PEER_REJECTED'],
    ['refuses it for no known reason', encodeHello(3, MECHANISM, 0xffffffff), 'PEER_REJECTED'],
    ['says hello itself', encodeHello(HELLO_KIND.hello, MECHANISM), 'PEER_MISBEHAVED'],
    ['answers a kind of message that is unknown', encodeHello(9, MECHANISM), 'PEER_MISBEHAVED'],
    ['answers garbage', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), 'NOT_PAGEFERRY'],
    ['answers a single byte', Buffer.from('P'), 'NOT_PAGEFERRY'],
    [
      'answers the beginning of a welcome',
      encodeHello(2, MECHANISM).subarray(0, 15),
      'NOT_PAGEFERRY',
    ],
    ['answers at length', Buffer.alloc(10_000, 'x'), 'NOT_PAGEFERRY'],
  ] as const)('fails when the sender %s, and closes what came along', async (_, answer, code) => {
    const path = folder.fresh();
    using sender = new FakeSender(calls, path);
    const connecting = call(path);
    const { socket } = await sender.meet();
    const fd = eventFd();
    socket.send(answer, [{ fd }, { fd }, { fd }]);
    calls.close(fd);
    await expect(connecting).rejects.toThrow(withCode(code));
  });

  test('names the mechanism of a sender that uses another', async () => {
    const path = folder.fresh();
    using sender = new FakeSender(calls, path);
    const connecting = call(path);
    const { socket } = await sender.meet();
    socket.send(encodeHello(HELLO_KIND.refusal, 'carrier-pigeon', REFUSAL.mechanism));
    await expect(connecting).rejects.toThrow(
      "uses the transport 'carrier-pigeon', this receiver 'test-mechanism'",
    );
  });

  test('takes nothing that is longer than any welcome for one', async () => {
    const path = folder.fresh();
    using sender = new FakeSender(calls, path);
    const tooLong = Buffer.alloc(1000);
    tooLong.set(encodeHello(HELLO_KIND.welcome, MECHANISM));
    const connecting = call(path);
    const { socket } = await sender.meet();
    const fd = eventFd();
    socket.send(tooLong, [{ fd }]);
    calls.close(fd);
    await expect(connecting).rejects.toThrow(withCode('NOT_PAGEFERRY'));
  });

  test('fails with EMFILE when the kernel has thrown descriptors of the welcome away (11.15)', async () => {
    const path = folder.fresh();
    using sender = new FakeSender(calls, path);
    const cutting = {
      ...calls,
      recvmsg: (...words: Parameters<typeof calls.recvmsg>) =>
        calls.recvmsg(
          words[0],
          words[1],
          words[2],
          words[3],
          new Int32Array(1),
          words[5],
          words[6],
        ),
    };
    const connecting = connect(cutting, path, MECHANISM, undefined);
    const { socket } = await sender.meet();
    const fd = eventFd();
    socket.send(encodeHello(HELLO_KIND.welcome, MECHANISM), [{ fd }, { fd }]);
    calls.close(fd);
    await expect(connecting).rejects.toThrow(
      expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', errnoName: 'EMFILE' }),
    );
  });

  test('waits for a sender that says nothing until it is aborted', async () => {
    const path = folder.fresh();
    using sender = new FakeSender(calls, path);
    const controller = new AbortController();
    const connecting = withDeadline(
      { signal: controller.signal },
      (signal) => call(path, signal),
      WHY,
    );
    await sender.meet();
    controller.abort();
    await expect(connecting).rejects.toThrow(withCode('ABORTED'));
  });

  test('tries again when the sender closes in the middle of the handshake', async () => {
    const path = folder.fresh();
    using sender = new FakeSender(calls, path);
    const connecting = call(path);
    for (let time = 0; time < 3; time++) (await sender.meet()).socket.close();
    const { socket } = await sender.meet();
    socket.send(encodeHello(HELLO_KIND.welcome, MECHANISM));
    (await connecting).socket.close();
  });

  test('gives up on senders that keep closing when its time is over', async () => {
    const path = folder.fresh();
    using sender = new FakeSender(calls, path);
    sender.hangUpOnEverybody();
    const connecting = withDeadline({ timeout: 100 }, (signal) => call(path, signal), WHY);
    await expect(connecting).rejects.toThrow(withCode('TIMEOUT'));
    expect(sender.hungUpOn).toBeGreaterThan(1);
  });

  test('waits for a sender that comes later', async () => {
    const path = folder.fresh();
    const connecting = call(path);
    using sender = new FakeSender(calls, path);
    const { socket } = await sender.meet();
    socket.send(encodeHello(HELLO_KIND.welcome, MECHANISM));
    (await connecting).socket.close();
  });
});
