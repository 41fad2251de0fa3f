import { connect, Endpoint, inspect, Listener, type ListenerSettings } from '@pageferry/connection';
import {
  encodeHello,
  HELLO_BYTES,
  HELLO_KIND,
  INSPECTION,
  type Inspection,
  InspectionAnswer,
  MAX_INSPECTED_PEERS,
  MAX_INSPECTION_BYTES,
  REFUSAL,
} from '@pageferry/core';
import type { LinuxCalls, UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, temporaryFolder, turns, withCode } from '@pageferry/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { callAt, FakeSender, nextMessage } from './support/fake-peers.js';

const calls = loadLinuxCalls();
const folder = temporaryFolder();
const MECHANISM = 'test-mechanism';
const HELLO = encodeHello(HELLO_KIND.hello, INSPECTION);

const REPORT: Inspection = {
  schema: 1,
  side: 'sender',
  endpoint: '/run/somewhere',
  pid: 4711,
  at: 12.5,
  counters: { messagesSent: 3, bytesSent: 30, loansHeld: 0, bytesOut: 10, sharedBytes: 4096 },
  waitsFor: ['receiver 0: 1 message, 10 bytes'],
  peerCount: 1,
  peers: [{ id: 0, pid: 4712, uid: 0, messagesBehind: 1, bytesBehind: 10, whenBehind: 'wait' }],
};

describe('a sender that is inspected', () => {
  expectNothingLeft();

  let endpoint: Endpoint;
  let listener: Listener | undefined;
  let made: number;
  const admitted: UnixSocket[] = [];

  function listen(settings: Partial<ListenerSettings> = {}): void {
    listener = new Listener(calls, endpoint, {
      mechanism: MECHANISM,
      hasRoom: () => true,
      admit: (socket, welcome) => {
        welcome([]);
        admitted.push(socket);
      },
      inspect: () => {
        made++;
        return REPORT;
      },
      ...settings,
    });
  }

  beforeEach(async () => {
    made = 0;
    endpoint = await Endpoint.bind(calls, folder.fresh());
  });

  afterEach(async () => {
    listener?.close();
    endpoint.close();
    for (const socket of admitted.splice(0)) socket.close();
    await turns(2);
  });

  test('tells its counters, and nobody has become its receiver', async () => {
    listen();
    expect(await inspect(calls, endpoint.path)).toEqual({
      credentials: { pid: process.pid, uid: process.geteuid?.(), gid: process.getegid?.() },
      mechanism: MECHANISM,
      report: REPORT,
    });
    expect(admitted).toEqual([]);
  });

  test('answers also while it has no room for receivers', async () => {
    listen({ hasRoom: () => false });
    expect((await inspect(calls, endpoint.path))?.report).toEqual(REPORT);
  });

  test('and knows no inspections says by its refusal which mechanism it has', async () => {
    listener = new Listener(calls, endpoint, {
      mechanism: MECHANISM,
      hasRoom: () => true,
      admit: () => expect.unreachable(),
    });
    expect(await inspect(calls, endpoint.path)).toMatchObject({
      mechanism: MECHANISM,
      report: undefined,
    });
  });

  test('does not tell another user, be it one that may be its receiver', async () => {
    endpoint.close();
    let asks = 0;
    const foreign: LinuxCalls = {
      ...calls,
      getPeerCredentials: (_, credentials) => {
        asks++;
        credentials.set([1, 4711, 4711]);
        return 0;
      },
    };
    const allow = { uids: [4711], gids: [] };
    endpoint = await Endpoint.bind(foreign, folder.fresh(), allow);
    listener = new Listener(foreign, endpoint, {
      mechanism: MECHANISM,
      hasRoom: () => true,
      admit: () => expect.unreachable(),
      inspect: () => expect.unreachable(),
    });
    await expect(inspect(calls, endpoint.path)).rejects.toThrow(withCode('PEER_REJECTED'));
    expect(asks).toBe(1);
  });

  test('says something else to an inspection of another version', async () => {
    listen();
    const other = Buffer.from(HELLO);
    other.writeUInt16LE(1, 8);
    using caller = callAt(calls, endpoint.path);
    caller.send(other);
    const answer = await nextMessage(calls, caller);
    expect(answer !== 'end' && Buffer.from(answer.bytes).readUInt32LE(12)).toBe(REFUSAL.version);
    expect(made).toBe(0);
  });

  test('by many at once makes one report for several of them, and lets a receiver in beside', async () => {
    listen();
    const callers = Array.from({ length: 50 }, () => callAt(calls, endpoint.path));
    for (const caller of callers) caller.send(HELLO);
    const welcome = await connect(calls, endpoint.path, MECHANISM, undefined);
    welcome.socket.close();
    for (const caller of callers) {
      const answer = await nextMessage(calls, caller);
      expect(answer !== 'end' && answer.bytes.length).toBe(HELLO_BYTES);
      caller.close();
    }
    // One for each turn of the event loop, in which eight come in.
    expect(made).toBeLessThanOrEqual(Math.ceil((callers.length + 1) / 8));
    expect(admitted.length).toBe(1);
  });

  test('by somebody who reads nothing, or leaves, goes on', async () => {
    listen();
    using silent = callAt(calls, endpoint.path);
    silent.send(HELLO);
    const gone = callAt(calls, endpoint.path);
    gone.send(HELLO);
    gone.close();
    expect((await inspect(calls, endpoint.path))?.report).toEqual(REPORT);
  });

  test('whose report fails says so, and goes on', async () => {
    let fails = true;
    listen({
      inspect: () => {
        if (fails) throw new Error('no report today');
        return REPORT;
      },
    });
    await expect(inspect(calls, endpoint.path)).rejects.toThrow(withCode('PEER_DIED'));
    fails = false;
    expect((await inspect(calls, endpoint.path))?.report).toEqual(REPORT);
  });
});

describe('whoever inspects', () => {
  expectNothingLeft();

  test('is told that nobody is there', async () => {
    expect(await inspect(calls, folder.fresh())).toBeUndefined();
    const path = folder.fresh();
    new FakeSender(calls, path)[Symbol.dispose](); // A file that is left behind.
    expect(await inspect(calls, path)).toBeUndefined();
  });

  test('has to name a path or a name', async () => {
    await expect(inspect(calls, 'fd:3')).rejects.toThrow(withCode('INVALID_ARGUMENT'));
    await expect(inspect(calls, '')).rejects.toThrow(withCode('ENDPOINT_INVALID'));
    await expect(inspect(calls, __filename)).rejects.toThrow(withCode('ENDPOINT_INVALID'));
  });

  test('gives up on one that does not answer', async () => {
    const path = folder.fresh();
    using _ = new FakeSender(calls, path);
    await expect(inspect(calls, path, { timeout: 20 })).rejects.toThrow(withCode('TIMEOUT'));
  });

  const welcome = encodeHello(HELLO_KIND.welcome, MECHANISM);
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  test.each([
    ['hangs up', [], 'PEER_DIED'],
    ['says something else', [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')], 'NOT_PAGEFERRY'],
    ['says hello', [HELLO], 'PEER_MISBEHAVED'],
    ['has no report', [welcome], 'PEER_MISBEHAVED'],
    ['has half a report', [welcome, json(REPORT).subarray(0, 50)], 'PEER_MISBEHAVED'],
    ['has one of another schema', [welcome, json({ ...REPORT, schema: 2 })], 'PEER_MISBEHAVED'],
    ['counts in words', [welcome, json({ ...REPORT, pid: 'seven' })], 'PEER_MISBEHAVED'],
    ['has no counters', [welcome, json({ ...REPORT, counters: null })], 'PEER_MISBEHAVED'],
    ['has no peers', [welcome, json({ ...REPORT, peers: 7 })], 'PEER_MISBEHAVED'],
    ['has no object', [welcome, json(null)], 'PEER_MISBEHAVED'],
    ['refuses', [encodeHello(HELLO_KIND.refusal, MECHANISM, REFUSAL.failure)], 'PEER_REJECTED'],
  ] as const)('one that %s is told why there is no report', async (_, words, code) => {
    const path = folder.fresh();
    using sender = new FakeSender(calls, path);
    const inspecting = inspect(calls, path);
    const { socket } = await sender.meet();
    for (const part of words) socket.send(part);
    socket.close();
    await expect(inspecting).rejects.toThrow(withCode(code));
  });

  test('one that talks and talks reads no more than a report can have', async () => {
    const path = folder.fresh();
    using sender = new FakeSender(calls, path);
    const inspecting = inspect(calls, path);
    const refused = expect(inspecting).rejects.toThrow(withCode('PEER_MISBEHAVED'));
    const { socket } = await sender.meet();
    const part = Buffer.alloc(16 * 1024, ' ');
    socket.send(welcome);
    for (let sent = 0; sent < MAX_INSPECTION_BYTES * 2; ) {
      if (socket.send(part)) sent += part.length;
      else await turns(1);
      if (socket.peerHasEnded()) break;
    }
    await refused;
  });

  test('closes descriptors that come with an answer, and leaves out what it does not know', async () => {
    const path = folder.fresh();
    using sender = new FakeSender(calls, path);
    const inspecting = inspect(calls, path);
    const { socket } = await sender.meet();
    const fd = calls.eventfd(0, 0);
    socket.send(welcome, [{ fd }, { fd }]);
    calls.close(fd);
    const peers = [{ id: 1, pid: 'x', secret: 5 }, 'nobody'];
    socket.send(json({ ...REPORT, peers, waitsFor: [5, 'room'], more: [1] }));
    socket.close();
    expect((await inspecting)?.report).toEqual({
      ...REPORT,
      peers: [{ id: 1 }, {}],
      waitsFor: ['room'],
    });
  });
});

test('a report of very many receivers has those that are furthest behind', () => {
  const peers = Array.from({ length: 5000 }, (_, id) => ({ id, messagesBehind: id % 1000 }));
  const answer = new InspectionAnswer(MECHANISM, () => ({ ...REPORT, peers, peerCount: 5000 }));
  const text = Buffer.concat(answer.parts().slice(1)).toString();
  expect(text.length).toBeLessThan(MAX_INSPECTION_BYTES);
  const report = JSON.parse(text) as Inspection;
  expect(report.peerCount).toBe(5000);
  expect(report.peers.length).toBe(MAX_INSPECTED_PEERS);
  expect(report.peers.every(({ messagesBehind = 0 }) => messagesBehind >= 980)).toBe(true);
});
