import { constants } from 'node:os';
import { connect, Endpoint, Listener, type ListenerSettings } from '@pageferry/connection';
import {
  decodeHello,
  encodeHello,
  HELLO_KIND,
  MAX_HANDSHAKES,
  PageferryError,
  PROTOCOL_VERSION,
  REFUSAL,
} from '@pageferry/core';
import type { DescriptorWatcher, LinuxCalls, UnixSocket, WatchCallback } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { countDescriptors, expectNothingLeft, temporaryFolder, withCode } from '@pageferry/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { callAt, nextMessage } from './support/fake-peers.js';

const calls = loadLinuxCalls();
const folder = temporaryFolder();
const MECHANISM = 'test-mechanism';
const HELLO = encodeHello(HELLO_KIND.hello, MECHANISM);

describe('a sender that listens', () => {
  expectNothingLeft();

  let endpoint: Endpoint;
  let listener: Listener | undefined;
  let room: boolean;
  const admitted: UnixSocket[] = [];

  const admit: ListenerSettings['admit'] = (socket, welcome) => {
    if (!welcome([])) throw new Error('the receiver has left');
    admitted.push(socket);
  };

  function listen(settings: Partial<ListenerSettings> = {}, over: LinuxCalls = calls): void {
    listener = new Listener(over, endpoint, {
      mechanism: MECHANISM,
      hasRoom: () => room,
      admit,
      ...settings,
    });
  }

  /** An honest receiver gets in, whatever others are up to. */
  async function expectHonestReceiverGetsIn(): Promise<void> {
    const welcome = await connect(calls, endpoint.path, MECHANISM, undefined);
    welcome.socket.close();
  }

  beforeEach(async () => {
    room = true;
    endpoint = await Endpoint.bind(calls, folder.fresh());
  });

  afterEach(async () => {
    listener?.close();
    endpoint.close();
    for (const socket of admitted.splice(0)) socket.close();
    // Handshakes that were under way give their sockets back in the turns that follow.
    await new Promise(setImmediate);
  });

  test.each([
    ['garbage', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a single byte', Buffer.from('x')],
    ['too few bytes', HELLO.subarray(0, 15)],
    ['a welcome', encodeHello(HELLO_KIND.welcome, MECHANISM)],
    ['a refusal', encodeHello(HELLO_KIND.refusal, MECHANISM, 1)],
    ['a kind of message that is unknown', encodeHello(65535, MECHANISM)],
    ['far too much', Buffer.alloc(100_000, 'x')],
    ['a hello and a byte more than fits', Buffer.concat([HELLO, Buffer.alloc(257 - HELLO.length)])],
    ['17 parameters', encodeHello(HELLO_KIND.hello, MECHANISM, 0, new Array(17).fill(0))],
  ])('hangs up on a receiver that says %s', async (_, words) => {
    listen();
    using receiver = callAt(calls, endpoint.path);
    receiver.send(words);
    expect(await nextMessage(calls, receiver)).toBe('end');
    expect(admitted).toEqual([]);
    await expectHonestReceiverGetsIn();
  });

  test.each([
    ['speaks another version', ofVersion(PROTOCOL_VERSION - 1), REFUSAL.version],
    ['wants another mechanism', encodeHello(HELLO_KIND.hello, 'other'), REFUSAL.mechanism],
    ['wants no mechanism', encodeHello(HELLO_KIND.hello, ''), REFUSAL.mechanism],
    ['names one of 32 bytes', encodeHello(HELLO_KIND.hello, 'x'.repeat(99)), REFUSAL.mechanism],
  ])('tells a receiver that %s why it is refused', async (_, words, reason) => {
    listen();
    using receiver = callAt(calls, endpoint.path);
    receiver.send(words);
    const answer = await nextMessage(calls, receiver);
    expect(answer !== 'end' && decodeHello(answer.bytes)).toMatchObject({
      kind: HELLO_KIND.refusal,
      reason,
      mechanism: MECHANISM,
    });
    expect(await nextMessage(calls, receiver)).toBe('end');
  });

  test('refuses a receiver when it has no room, and takes the next one when it has', async () => {
    listen();
    room = false;
    await expect(connect(calls, endpoint.path, MECHANISM, undefined)).rejects.toThrow(
      withCode('PEER_REJECTED'),
    );
    room = true;
    await expectHonestReceiverGetsIn();
  });

  test('refuses a receiver of another user', async () => {
    const getPeerCredentials: LinuxCalls['getPeerCredentials'] = (_, credentials) => {
      credentials.set([1, 4711, 4711]);
      return 0;
    };
    // An accepted socket asks through the calls of the socket that accepted it.
    endpoint.close();
    const foreign = { ...calls, getPeerCredentials };
    endpoint = await Endpoint.bind(foreign, folder.fresh());
    listen({}, foreign);
    await expect(connect(calls, endpoint.path, MECHANISM, undefined)).rejects.toThrow(
      'does not talk to this user',
    );
  });

  test('refuses a receiver when the connection cannot be set up', async () => {
    listen({
      admit: () => {
        throw new Error('no memory');
      },
    });
    await expect(connect(calls, endpoint.path, MECHANISM, undefined)).rejects.toThrow(
      withCode('PEER_REJECTED'),
    );
  });

  test('tells a receiver which call has failed for it (11.15)', async () => {
    const cause = { syscall: 'memfd_create', errno: 24, errnoName: 'EMFILE' };
    listen({
      admit: () => {
        throw new PageferryError('SYSTEM_CALL_FAILED', 'no descriptor', cause);
      },
    });
    await expect(connect(calls, endpoint.path, MECHANISM, undefined)).rejects.toMatchObject({
      code: 'PEER_REJECTED',
      errnoName: 'EMFILE',
    });
  });

  test.each(['EMFILE', 'ENFILE', 'ENOMEM'] as const)(
    'does not spin while it cannot accept for %s, and goes on once it can (11.15)',
    async (name) => {
      let attempts = 0;
      let isShort = true;
      endpoint.close();
      const accept4: LinuxCalls['accept4'] = (...words) => {
        if (!isShort) return calls.accept4(...words);
        attempts++;
        return -constants.errno[name];
      };
      const over = { ...calls, accept4 };
      endpoint = await Endpoint.bind(over, folder.fresh());
      listen({}, over);
      const connecting = connect(calls, endpoint.path, MECHANISM, undefined);
      for (let turn = 0; turn < 2000; turn++) await new Promise(setImmediate);
      expect(attempts).toBeGreaterThan(0);
      expect(attempts).toBeLessThan(200);
      isShort = false;
      (await connecting).socket.close();
    },
  );

  test('closes the descriptors that a receiver sends along', async () => {
    listen();
    using receiver = callAt(calls, endpoint.path);
    const before = countDescriptors();
    const fd = calls.eventfd(0, 0);
    receiver.send(HELLO, [{ fd }, { fd }, { fd }, { fd }]);
    calls.close(fd);
    expect(await nextMessage(calls, receiver)).not.toBe('end');
    // Its own socket, and nothing else.
    expect(countDescriptors()).toBe(before + 1);
  });

  test('lets others in while receivers say nothing', async () => {
    listen();
    const silent = Array.from({ length: 20 }, () => callAt(calls, endpoint.path));
    await expectHonestReceiverGetsIn();
    for (const socket of silent) socket.close();
    await expectHonestReceiverGetsIn();
  });

  test('hangs up on who is silent longest where there are too many, and lets others in', async () => {
    listen();
    const silent: UnixSocket[] = [];
    for (let count = 0; count < MAX_HANDSHAKES + 3; count++) {
      silent.push(callAt(calls, endpoint.path));
      if (count % 32 === 0) await expectHonestReceiverGetsIn();
    }
    await expectHonestReceiverGetsIn();
    // The last one to come needed a place, too.
    for (const socket of silent.splice(0, 4)) {
      expect(await nextMessage(calls, socket)).toBe('end');
      socket.close();
    }
    for (const socket of silent) {
      socket.send(HELLO);
      expect(await nextMessage(calls, socket)).not.toBe('end');
      socket.close();
    }
  });

  test('lets others in when receivers hang up before, while and after they say hello', async () => {
    listen();
    for (let time = 0; time < 30; time++) {
      const socket = callAt(calls, endpoint.path);
      if (time % 3 > 0) socket.send(HELLO);
      if (time % 3 > 1) await nextMessage(calls, socket);
      socket.close();
    }
    await expectHonestReceiverGetsIn();
  });

  test('serves a crowd that comes at once', async () => {
    const warnings: unknown[] = [];
    process.on('warning', (warning) => warnings.push(warning));
    listen();
    const crowd = Array.from({ length: 100 }, () =>
      connect(calls, endpoint.path, MECHANISM, undefined),
    );
    for (const welcome of await Promise.all(crowd)) welcome.socket.close();
    expect(admitted.length).toBe(100);
    expect(warnings).toEqual([]);
  });

  test('lets in a few of a crowd at a time, so that others have their turns in between (11.19)', async () => {
    let inOneTurn = 0;
    let most = 0;
    const accept4: LinuxCalls['accept4'] = (...words) => {
      if (inOneTurn++ === 0) setImmediate(() => (inOneTurn = 0));
      const fd = calls.accept4(...words);
      if (fd >= 0) most = Math.max(most, inOneTurn);
      return fd;
    };
    endpoint.close();
    endpoint = await Endpoint.bind({ ...calls, accept4 }, folder.fresh());
    listen();
    const silent = Array.from({ length: 50 }, () => callAt(calls, endpoint.path));
    await expectHonestReceiverGetsIn();
    for (const socket of silent) socket.close();
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(8);
  });

  test('has no handshake keep the process alive that it is not to keep alive itself (11.13)', async () => {
    /** Watchers that keep the event loop alive. */
    const holding = new Set<DescriptorWatcher>();
    const timers = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const timersBefore = timers();
    const over: LinuxCalls = {
      ...calls,
      watch: (...words) => noted(holding, calls.watch(...words)),
    };
    listen({}, over);
    using early = callAt(calls, endpoint.path);
    await expectHonestReceiverGetsIn();
    expect(holding.size).toBe(2); // The listening socket's, and that of the early one.
    listener?.keepAlive(false);
    using late = callAt(calls, endpoint.path);
    await expectHonestReceiverGetsIn();
    expect(holding.size).toBe(0);
    // One that was there before, of the runner's, may have ended meanwhile.
    expect(timers()).toBeLessThanOrEqual(timersBefore);
    listener?.keepAlive(true);
    expect(holding.size).toBe(3);
    early.send(HELLO);
    late.send(HELLO);
    for (const guest of [early, late]) expect(await nextMessage(calls, guest)).not.toBe('end');
  });

  test('goes on to let receivers in after the event loop could not watch any longer', async () => {
    let tell: WatchCallback | undefined;
    const over: LinuxCalls = {
      ...calls,
      watch: (fd, events, callback, owns) => {
        tell ??= callback; // The listening socket's.
        return calls.watch(fd, events, callback, owns);
      },
    };
    listen({}, over);
    tell?.(-constants.errno.EBADF, 0);
    await expectHonestReceiverGetsIn();
  });

  test('ends handshakes that are under way when it closes', async () => {
    listen();
    using silent = callAt(calls, endpoint.path);
    await expectHonestReceiverGetsIn();
    listener?.close();
    expect(await nextMessage(calls, silent)).toBe('end');
  });
});

/** Keeps `watcher` in `holding` for as long as it keeps the event loop alive. */
function noted(
  holding: Set<DescriptorWatcher>,
  watcher: DescriptorWatcher | number,
): DescriptorWatcher | number {
  if (typeof watcher === 'number') return watcher;
  holding.add(watcher);
  return {
    update: (events) => watcher.update(events),
    ref: () => {
      holding.add(watcher);
      watcher.ref();
    },
    unref: () => {
      holding.delete(watcher);
      watcher.unref();
    },
    close: () => {
      holding.delete(watcher);
      watcher.close();
    },
  };
}

function ofVersion(version: number): Uint8Array {
  const bytes = Buffer.from(HELLO);
  bytes.writeUInt16LE(version, 8);
  return bytes;
}
