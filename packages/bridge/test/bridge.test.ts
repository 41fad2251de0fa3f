import { type ChildProcess, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import {
  type NatsReceiverOptions,
  type NatsReceiverStats,
  type NatsSenderOptions,
  natsTransport,
} from '@pageferry/nats';
import {
  type BridgeChange,
  type Receiver,
  type ReceiverOptions,
  type Sender,
  type SenderOptions,
  sharedMmap,
} from '@pageferry/shared-mmap';
import { socketTransport } from '@pageferry/socket';
import { hasNatsServer, NatsServer, temporaryFolder } from '@pageferry/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Bridge, type BridgeOptions, openBridge } from '../dist/index.js';

vi.setConfig({ testTimeout: 60_000 });

const MIB = 1024 * 1024;
const folder = temporaryFolder();

/** A message that tells which it is, and is wrong if any of its bytes is another's. */
function message(number: number, byteLength: number) {
  const bytes = Buffer.alloc(byteLength, number % 251);
  if (byteLength >= 4) bytes.writeUInt32LE(number);
  return bytes;
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** What is open, and ends with its test. */
const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

function keep<T extends Sender | Receiver | Bridge>(each: T): T {
  open.push(() => ('destroy' in each ? each.destroy() : each.close()));
  return each;
}

function bridgeOf<R extends ReceiverOptions, S extends SenderOptions>(
  options: BridgeOptions<R, S>,
): Bridge {
  return keep(openBridge(options));
}

describe('a bridge within a host', () => {
  const ends = () => ({
    from: { transport: sharedMmap, endpoint: folder.fresh() },
    to: { transport: socketTransport, endpoint: folder.fresh() },
  });

  test('carries messages, tags and the end from one transport to another', async () => {
    const { from, to } = ends();
    const states: string[] = [];
    const onStateChange = ({ state }: BridgeChange) => void states.push(state);
    const bridge = bridgeOf({ from, to, once: true, onStateChange });
    const sender = keep(await sharedMmap.createSender({ endpoint: from.endpoint }));
    const receiver = keep(await socketTransport.createReceiver({ endpoint: to.endpoint }));
    await sender.waitForReceivers();
    const lengths = [0, 1, 4096, 100_000, 3 * MIB];
    const sending = (async () => {
      for (const [number, length] of lengths.entries()) {
        await sender.send(message(number, length), { tag: number + 10 });
      }
      await sender.close();
    })();
    for (const [number, length] of lengths.entries()) {
      using delivery = await receiver.receive();
      expect(delivery?.tag).toBe(number + 10);
      expect(digest(delivery?.bytes ?? Buffer.of(9))).toBe(digest(message(number, length)));
    }
    expect(await receiver.receive()).toBeUndefined();
    await Promise.all([sending, bridge.closed]);
    expect(bridge.stats()).toEqual({
      state: 'closed',
      messagesBridged: 5,
      bytesBridged: lengths.reduce((sum, length) => sum + length),
      messagesDropped: 0,
      messagesMissed: 0,
      messagesFound: 0,
      descriptorsDropped: 0,
      messagesUnderWay: 0,
      bytesUnderWay: 0,
      connections: 1,
      failures: 0,
    });
    expect(states).toEqual(['connecting', 'bridging', 'closed']);
  });

  test('tells a death from an end, and goes on with the next sender', async () => {
    const { from, to } = ends();
    const bridge = bridgeOf({ from, to });
    for (const isDeath of [true, false, true]) {
      const sender = keep(await sharedMmap.createSender({ endpoint: from.endpoint }));
      const receiver = keep(await socketTransport.createReceiver({ endpoint: to.endpoint }));
      await sender.waitForReceivers();
      await sender.send(message(1, 5000));
      (await receiver.receive())?.release();
      await sender.flush();
      await (isDeath ? sender.destroy() : sender.close());
      if (isDeath) await expect(receiver.receive()).rejects.toMatchObject({ code: 'PEER_DIED' });
      else expect(await receiver.receive()).toBeUndefined();
      await receiver.close();
    }
    await bridge.close();
    expect(bridge.stats()).toMatchObject({ connections: 3, failures: 2, messagesBridged: 3 });
    expect(bridge.stats().lastFailure).toMatchObject({ code: 'PEER_DIED' });
  });

  test('with once ends with the death of its sender', async () => {
    const { from, to } = ends();
    const bridge = bridgeOf({ from, to, once: true });
    const closed = expect(bridge.closed).rejects.toMatchObject({ code: 'PEER_DIED' });
    const sender = keep(await sharedMmap.createSender({ endpoint: from.endpoint }));
    await sender.waitForReceivers();
    await until(() => bridge.stats().state === 'bridging');
    await sender.destroy();
    await closed;
  });

  test('that is closed leaves both sides as a death does, and loses nothing that it has given back', async () => {
    const { from, to } = ends();
    const bridge = bridgeOf({ from, to });
    const sender = keep(await sharedMmap.createSender({ endpoint: from.endpoint }));
    const receiver = keep(await socketTransport.createReceiver({ endpoint: to.endpoint }));
    await sender.waitForReceivers();
    for (let number = 0; number < 10; number++) await sender.send(message(number, 1000));
    await sender.flush();
    await bridge.close();
    await bridge.close();
    for (let number = 0; number < 10; number++) {
      using delivery = await receiver.receive();
      expect(delivery?.copy().equals(message(number, 1000))).toBe(true);
    }
    await expect(receiver.receive()).rejects.toMatchObject({ code: 'PEER_DIED' });
    await until(() => sender.receivers.length === 0);
    await bridge.closed;
  });

  test('tries again with growing pauses, and says so', async () => {
    const { from, to } = ends();
    const squatter = keep(await socketTransport.createSender({ endpoint: to.endpoint }));
    const changes: BridgeChange[] = [];
    const seen: unknown[] = [];
    const note = (event: unknown) => void seen.push(event);
    subscribe('pageferry:bridge', note);
    const bridge = bridgeOf({
      from,
      to,
      longestPause: 300,
      onStateChange: (change) => void changes.push(change),
    });
    const sender = keep(await sharedMmap.createSender({ endpoint: from.endpoint }));
    await until(() => bridge.stats().failures === 4);
    await squatter.close();
    await until(() => bridge.stats().state === 'bridging');
    unsubscribe('pageferry:bridge', note);
    const pauses = changes.filter(({ state }) => state === 'pausing');
    expect(pauses.map(({ milliseconds }) => milliseconds).slice(0, 4)).toEqual([
      100, 200, 300, 300,
    ]);
    expect(pauses[0]?.reason).toMatchObject({ code: 'ENDPOINT_IN_USE' });
    expect(seen).toEqual(changes);
    await sender.waitForReceivers();
  });

  test('closes in the middle of a wait, by its signal', async () => {
    const { from, to } = ends();
    const { signal, abort } = ((c) => ({ signal: c.signal, abort: () => c.abort() }))(
      new AbortController(),
    );
    const bridge = bridgeOf({ from, to, signal });
    abort();
    await bridge.closed;
    expect(bridge.stats().state).toBe('closed');
    const late = bridgeOf({ from, to, signal });
    await late.closed;
  });

  test('while nobody is there messages wait, or are dropped and counted', async () => {
    const { from, to } = ends();
    const bridge = bridgeOf({ from, to });
    const sender = keep(await sharedMmap.createSender({ endpoint: from.endpoint }));
    await sender.waitForReceivers();
    await sender.send(message(7, 100));
    await until(() => bridge.stats().messagesUnderWay === 1);
    const receiver = keep(await socketTransport.createReceiver({ endpoint: to.endpoint }));
    using delivery = await receiver.receive();
    expect(delivery?.bytes[0]).toBe(7);
    await bridge.close();
    await receiver.close();

    await until(() => sender.receivers.length === 0);
    const dropping = bridgeOf({ from, to, whenNobody: 'drop' });
    await sender.waitForReceivers();
    for (let number = 0; number < 5; number++) await sender.send(message(number, 100));
    await sender.flush();
    expect(dropping.stats()).toMatchObject({ messagesDropped: 5, messagesBridged: 0 });
  });

  test('refuses what makes no sense, or is not allowed', async () => {
    const { from, to } = ends();
    const bad = (options: object) => () => openBridge({ from, to, ...options } as never);
    const invalid = (argument: string) =>
      expect.objectContaining({ code: 'INVALID_ARGUMENT', argument });
    expect(bad({ from: undefined })).toThrow(invalid('from'));
    expect(bad({ to: { transport: {}, endpoint: 'x' } })).toThrow(invalid('to'));
    expect(bad({ maxUnderWay: 0 })).toThrow(invalid('maxUnderWay'));
    expect(bad({ maxBytesUnderWay: 1.5 })).toThrow(invalid('maxBytesUnderWay'));
    expect(bad({ whenNobody: 'panic' })).toThrow(invalid('whenNobody'));
    expect(bad({ onStateChange: 1 })).toThrow(invalid('onStateChange'));
    expect(bad({ signal: 1 })).toThrow(invalid('signal'));
    expect(bad({ allow: 'x' })).toThrow(invalid('allow'));
    expect(bad({ allowed: [] })).toThrow(invalid('allowed'));
    const forbidden = expect.objectContaining({ code: 'ENDPOINT_FORBIDDEN' });
    for (const allow of [[], [from.endpoint], ['*no such*', to.endpoint], [`${from.endpoint}*a`]]) {
      expect(bad({ allow })).toThrow(forbidden);
    }
    const bridge = openBridge({ from, to, allow: [from.endpoint, '/*'] });
    await bridge.close();
    // What cannot get better is not tried again.
    const nowhere = { ...to, endpoint: '/there/is/no/such/folder' };
    const failing = openBridge({ from, to: nowhere });
    const closed = expect(failing.closed).rejects.toMatchObject({ code: 'ENDPOINT_INVALID' });
    keep(await sharedMmap.createSender({ endpoint: from.endpoint }));
    await closed;
  });
});

describe.skipIf(!hasNatsServer)('a bridge to another host', () => {
  let server: NatsServer;
  let names = 0;
  beforeAll(async () => {
    if (hasNatsServer) server = await NatsServer.start();
  });
  afterAll(() => server?.remove());

  const nats = (patience = 20_000) => natsTransport({ servers: server.url, patience });
  const remote = () => `nats:bridge.${process.pid}.${names++}`;

  function ends(options: Partial<NatsSenderOptions> = {}) {
    return {
      from: { transport: sharedMmap, endpoint: folder.fresh() },
      to: { transport: nats(), endpoint: remote(), options },
    };
  }

  async function receive(endpoint: string, options: Partial<NatsReceiverOptions> = {}) {
    return keep(await nats().createReceiver({ endpoint, ...options }));
  }

  async function take(receiver: Receiver, number: number, length: number): Promise<void> {
    using delivery = await receiver.receive();
    expect(delivery?.sequence).toBe(number);
    expect(digest(delivery?.bytes ?? Buffer.of(9))).toBe(digest(message(number, length)));
  }

  test('carries messages of any size, and keeps numbers and tags', async () => {
    const { from, to } = ends();
    bridgeOf({ from, to });
    const sender = keep(await sharedMmap.createSender({ endpoint: from.endpoint }));
    const receiver = await receive(to.endpoint);
    const other = await receive(to.endpoint);
    await sender.waitForReceivers();
    // The last ones are longer than max_payload.
    const lengths = [0, 1, 1000, 16_385, MIB, 5 * MIB + 3, 30 * MIB];
    const sending = (async () => {
      for (const [number, length] of lengths.entries()) {
        await sender.send(message(number, length), { tag: 2 ** 32 - 1 - number });
      }
      await sender.close();
    })();
    for (const each of [receiver, other]) {
      for (const [number, length] of lengths.entries()) await take(each, number, length);
      expect(await each.receive()).toBeUndefined();
    }
    await sending;
  });

  test('the other way round', async () => {
    const endpoint = remote();
    const local = folder.fresh();
    const bridge = bridgeOf({
      from: { transport: nats(), endpoint },
      to: { transport: sharedMmap, endpoint: local },
    });
    const sender = keep(await nats().createSender({ endpoint }));
    const receiver = keep(await sharedMmap.createReceiver({ endpoint: local }));
    await sender.waitForReceivers();
    const lengths = [0, 1, 1000, MIB, 5 * MIB + 3];
    const sending = Promise.all(
      lengths.map((length, number) => sender.send(message(number, length))),
    );
    for (const [number, length] of lengths.entries()) await take(receiver, number, length);
    await sending;
    await sender.flush();
    await sender.close();
    expect(await receiver.receive()).toBeUndefined();
    expect(bridge.stats().messagesBridged).toBe(5);
  });

  test('a receiver that is behind holds the local sender up, and the bridge holds what it says', async () => {
    const { from, to } = ends({ streamBytes: 4 * MIB });
    const bridge = bridgeOf({ from, to, maxUnderWay: 3 });
    const sender = keep(
      await sharedMmap.createSender({ endpoint: from.endpoint, poolBytes: 4 * MIB }),
    );
    const receiver = await receive(to.endpoint, { maxBorrowedBytes: 1000 });
    await sender.waitForReceivers();
    const LENGTH = 100_000;
    let sent = 0;
    let most = 0;
    const COUNT = 300;
    const sending = (async () => {
      while (sent < COUNT) {
        await sender.send(message(sent, LENGTH));
        sent++;
        most = Math.max(most, bridge.stats().messagesUnderWay);
      }
    })();
    // It holds one, and takes no more: everything fills up, and stays so.
    const held = await receiver.receive();
    const pool = Math.floor((4 * MIB) / LENGTH);
    await until(() => bridge.stats().messagesUnderWay === 3 && sent > pool);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 20));
    // The stream has as much as it may, and the pool; one waits to be sent.
    expect(sent).toBeLessThanOrEqual(2 * pool + 1);
    held?.release();
    for (let number = 1; number < COUNT; number++) await take(receiver, number, LENGTH);
    await sending;
    expect(most).toBe(3);
    // The receiver may have the last one before the bridge hears that the server has it.
    await until(() => bridge.stats().messagesBridged === COUNT);
    expect(bridge.stats().messagesDropped).toBe(0);
  });

  test('drops are counted on the side whose policy it is', async () => {
    const { from, to } = ends({ streamBytes: 4 * MIB });
    const dropping = { ...from, options: { whenBehind: 'drop-newest', queueDepth: 4 } } as const;
    const bridge = bridgeOf({ from: dropping, to, maxUnderWay: 2 });
    const sender = keep(await sharedMmap.createSender({ endpoint: from.endpoint }));
    const receiver = await receive(to.endpoint, { maxBorrowedBytes: 1000 });
    await sender.waitForReceivers();
    const COUNT = 300;
    for (let number = 0; number < COUNT; number++) {
      expect(await sender.send(message(number, 100_000))).toBe('sent');
    }
    await sender.close();
    let received = 0;
    let last = -1;
    for await (const delivery of receiver) {
      expect(delivery.sequence).toBeGreaterThan(last);
      expect(delivery.copy().equals(message(delivery.sequence, 100_000))).toBe(true);
      last = delivery.sequence;
      received++;
      delivery.release();
    }
    const { messagesBridged, messagesMissed } = bridge.stats();
    expect(received).toBe(messagesBridged);
    expect(received).toBeLessThan(COUNT);
    // Those at the end have no successor by whose number they are noticed.
    expect(messagesMissed).toBe(last + 1 - received);
    // Receivers on other hosts know of them, too.
    expect(receiver.stats()).toMatchObject({ messagesDropped: messagesMissed });
  });

  test('a receiver elsewhere that may miss messages holds nobody up', async () => {
    const { from, to } = ends({ streamBytes: 4 * MIB });
    bridgeOf({ from, to });
    const sender = keep(await sharedMmap.createSender({ endpoint: from.endpoint }));
    const receiver = await receive(to.endpoint, { whenBehind: 'drop-oldest', queueDepth: 2 });
    await sender.waitForReceivers();
    for (let number = 0; number < 200; number++) await sender.send(message(number, 100_000));
    await sender.close();
    let received = 0;
    for await (const delivery of receiver) {
      received++;
      delivery.release();
    }
    const { messagesDropped } = receiver.stats() as NatsReceiverStats;
    expect(received + messagesDropped).toBe(200);
    expect(received).toBeLessThan(200);
  });

  test('a server that is killed and started again loses nothing', async () => {
    const { from, to } = ends();
    const bridge = bridgeOf({ from, to });
    const sender = keep(await sharedMmap.createSender({ endpoint: from.endpoint }));
    const receiver = await receive(to.endpoint);
    await sender.waitForReceivers();
    const COUNT = 200;
    const lengthOf = (number: number) => (number % 10 === 0 ? 1_500_000 : 1000 + number);
    const sending = (async () => {
      for (let number = 0; number < COUNT; number++) {
        await sender.send(message(number, lengthOf(number)));
      }
      await sender.flush();
    })();
    for (let number = 0; number < COUNT; number++) {
      await take(receiver, number, lengthOf(number));
      if (number % 70 !== 35) continue;
      await server.kill();
      await server.start();
    }
    await sending;
    expect(bridge.stats()).toMatchObject({ messagesBridged: COUNT, connections: 1, failures: 0 });
  });

  test('one that is away for long makes nobody wait for what only the bridge can give back', async () => {
    const { from, to } = ends();
    const bridge = bridgeOf({ from, to, maxBytesUnderWay: MIB });
    const warnings: unknown[] = [];
    const onWarning = (warning: Error & { code?: string }): void =>
      void warnings.push(warning.code);
    process.on('warning', onWarning);
    open.push(async () => process.off('warning', onWarning));
    const sender = keep(await sharedMmap.createSender({ endpoint: from.endpoint }));
    const receiver = await receive(to.endpoint);
    await sender.waitForReceivers();
    await server.kill();
    const COUNT = 20;
    for (let number = 0; number < COUNT; number++) await sender.send(message(number, 100_000));
    await until(() => bridge.stats().bytesUnderWay > MIB - 100_000);
    // A wait of more than a second for what this process holds itself is told.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(bridge.stats().bytesUnderWay).toBeLessThanOrEqual(MIB);
    await server.start();
    for (let number = 0; number < COUNT; number++) await take(receiver, number, 100_000);
    expect(warnings).toEqual([]);
  });

  test('a server that is not there yet is waited for, with growing pauses', async () => {
    const { from, to } = ends();
    await server.kill();
    const pauses: (number | undefined)[] = [];
    const onStateChange = ({ state, milliseconds }: BridgeChange) => {
      if (state === 'pausing') pauses.push(milliseconds);
    };
    const bridge = bridgeOf({ from, to, onStateChange, longestPause: 400 });
    keep(await sharedMmap.createSender({ endpoint: from.endpoint }));
    await until(() => bridge.stats().failures === 3);
    expect(bridge.stats().lastFailure).toMatchObject({ code: 'SYSTEM_CALL_FAILED' });
    await server.start();
    await until(() => bridge.stats().state === 'bridging');
    expect(pauses.slice(0, 3)).toEqual([100, 200, 400]);
  });

  describe('that is killed', () => {
    const program = fileURLToPath(new URL('programs/bridge.mjs', import.meta.url));
    const children: ChildProcess[] = [];
    afterEach(async () => {
      for (const child of children.splice(0)) await kill(child);
    });

    function start(local: string, endpoint: string): ChildProcess {
      const child = fork(program, [local, server.url, endpoint], { execArgv: [] });
      children.push(child);
      return child;
    }

    async function kill(child: ChildProcess): Promise<void> {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }

    test('and started again loses nothing, and doubles nothing', async () => {
      const local = folder.fresh();
      const endpoint = remote();
      const sender = keep(
        await sharedMmap.createSender({
          endpoint: local,
          history: 600,
          // The history gives way where the pool is short.
          poolBytes: 256 * MIB,
        }),
      );
      let bridge = start(local, endpoint);
      const receiver = await receive(endpoint);
      const COUNT = 300;
      const lengthOf = (number: number) => (number % 10 === 0 ? 2_500_000 : 1000 + number);
      let sent = 0;
      const sending = (async () => {
        for (; sent < COUNT; sent++) {
          await sender.waitForReceivers();
          await sender.send(message(sent, lengthOf(sent)));
        }
      })();
      const taking = (async () => {
        for (let number = 0; number < COUNT; number++) {
          await take(receiver, number, lengthOf(number));
        }
      })();
      for (const at of [30, 91, 160, 230]) {
        await until(() => sent >= at);
        await kill(bridge);
        bridge = start(local, endpoint);
      }
      await Promise.all([sending, taking]);
      await sender.flush();
      await sender.close();
      expect(await receiver.receive()).toBeUndefined();
    });
  });
});
