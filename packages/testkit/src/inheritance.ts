import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Receiver } from '@pageferry/core';
import { type OwnedFd, POLLIN } from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { Family, SocketPair } from './family.js';
import { expectNothingLeft } from './process-state.js';

const PROGRAM = fileURLToPath(new URL('./programs/inheritor.js', import.meta.url));
/** Where the child has the socket. */
const FD = 4;
const LIMIT = { timeout: 10_000 };

/** Who is neither root nor whoever runs the tests. */
const NOBODY = 65534;

/** True if a child can be started as another user who can read the transport's module. */
function canActAsNobody(moduleUrl: string): boolean {
  if (process.getuid?.() !== 0) return false;
  const script = `await import(${JSON.stringify(moduleUrl)})`;
  const options = { uid: NOBODY, gid: NOBODY, cwd: '/' };
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], options);
  return status === 0;
}

/** Starts a child with one end of a pair of sockets; the other is the endpoint. */
function startFamily({ ours, childs }: SocketPair, words: readonly string[], user?: number) {
  const child = fork(PROGRAM, [...words, String(FD)], {
    execArgv: [],
    ...(user === undefined ? {} : { uid: user, gid: user, cwd: '/' }),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', childs.fd],
  });
  childs.close();
  const said: unknown[] = [];
  child.on('message', (message) => said.push(message));
  return {
    endpoint: `fd:${ours.release()}`,
    said,
    child,
    exit: once(child, 'close'),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await this.exit;
    },
  };
}

/** Every message until the end, as text. */
async function textsOf(receiver: Receiver): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const delivery of receiver) {
    texts.push(delivery.copy().toString());
    delivery.release();
  }
  return texts;
}

/** What holds for a transport whose ends inherit a socket instead of meeting at a path. */
export function describeInheritance({
  transport,
  moduleUrl,
  exportName,
  calls,
  openSocketPair,
}: Family): void {
  describe('a child that has inherited a socket', () => {
    expectNothingLeft();
    const inherit = (role: 'send' | 'receive', user?: number) =>
      startFamily(openSocketPair(calls), [moduleUrl, exportName, role], user);
    const forNobody = test.runIf(canActAsNobody(moduleUrl));

    test('receives from its parent, without an endpoint path', async () => {
      await using family = inherit('receive');
      const { endpoint } = family;
      await using sender = await transport.createSender({ endpoint });
      await sender.waitForReceivers(1, LIMIT);
      // Of the child, though its parent has made the sockets.
      expect(sender.receivers[0]?.credentials).toEqual({
        pid: family.child.pid,
        uid: process.getuid?.(),
        gid: process.getgid?.(),
      });
      for (const text of ['first', 'second']) await sender.send(Buffer.from(text), LIMIT);
      await sender.flush(LIMIT);
      await sender.close();
      await family.exit;
      expect(family.said).toEqual(['handed over', [0, 'first'], [1, 'second'], 'end']);
    });

    test('sends to its parent', async () => {
      await using family = inherit('send');
      const { endpoint } = family;
      await using receiver = await transport.createReceiver({ endpoint, ...LIMIT });
      expect(await textsOf(receiver)).toEqual(['first', 'second']);
      await family.exit;
      expect(family.said).toEqual([[`fd:${FD}`, 'sent']]);
    });

    forNobody(
      'receives also as another user: the descriptor is the permission (needs root) (11.26)',
      async () => {
        await using family = inherit('receive', NOBODY);
        const { endpoint } = family;
        await using sender = await transport.createSender({ endpoint });
        await sender.waitForReceivers(1, LIMIT);
        expect(sender.receivers[0]?.credentials).toEqual({
          pid: family.child.pid,
          uid: NOBODY,
          gid: NOBODY,
        });
        for (const text of ['first', 'second']) await sender.send(Buffer.from(text), LIMIT);
        await sender.close(LIMIT);
        await family.exit;
        expect(family.said).toEqual(['handed over', [0, 'first'], [1, 'second'], 'end']);
      },
    );

    forNobody('sends also as another user (needs root) (11.26)', async () => {
      await using family = inherit('send', NOBODY);
      const { endpoint } = family;
      await using receiver = await transport.createReceiver({ endpoint, ...LIMIT });
      expect(await textsOf(receiver)).toEqual(['first', 'second']);
    });

    test('that said hello before its sender began is known all the same (11.26)', async () => {
      await using family = inherit('receive');
      const { endpoint } = family;
      const [, number] = endpoint.split(':');
      expect(calls.poll(Number(number), POLLIN, LIMIT.timeout)).toBe(POLLIN);
      await using sender = await transport.createSender({ endpoint });
      await sender.waitForReceivers(1, LIMIT);
      expect(sender.receivers[0]?.credentials?.pid).toBe(family.child.pid);
      await sender.close(LIMIT);
      await family.exit;
    });

    test('that dies is told from one that ends', async () => {
      await using family = inherit('receive');
      const { endpoint } = family;
      await using sender = await transport.createSender({ endpoint });
      await sender.waitForReceivers(1, LIMIT);
      await sender.send(Buffer.from('first'), LIMIT);
      family.child.kill('SIGKILL');
      await family.exit;
      while (sender.receivers.length > 0) await new Promise(setImmediate);
      expect(sender.stats().bytesOut).toBe(0);
    });

    test("may have a pair that the transport's own package opens, as any does (11.21)", async () => {
      type Opens = {
        openSocketPair(): Promise<{ readonly ours: OwnedFd; readonly childs: OwnedFd }>;
      };
      const opens = (await import(moduleUrl)) as Opens;
      const opening = opens.openSocketPair();
      expect(opening).toBeInstanceOf(Promise);
      const { ours, childs } = await opening;
      await using sender = await transport.createSender({ endpoint: `fd:${ours.release()}` });
      const endpoint = `fd:${childs.release()}`;
      await using receiver = await transport.createReceiver({ endpoint, ...LIMIT });
      await sender.send(Buffer.from('hello'), LIMIT);
      expect((await receiver.receive(LIMIT))?.copy().toString()).toBe('hello');
    });

    test('that is gone is no receiver to wait for (11.11)', async () => {
      await using family = inherit('receive');
      const { endpoint } = family;
      await using sender = await transport.createSender({ endpoint });
      await sender.waitForReceivers(1, LIMIT);
      family.child.kill('SIGKILL');
      await family.exit;
      while (sender.receivers.length > 0) await new Promise(setImmediate);
      const died = expect.objectContaining({ code: 'PEER_DIED' });
      await expect(sender.waitForReceivers(1, LIMIT)).rejects.toThrow(died);
      await sender.waitForReceivers(0, LIMIT);
      expect(await sender.send(Buffer.from('nobody'), LIMIT)).toBe('no-receiver');
      await sender.flush(LIMIT);
    });

    test('that goes without a word ends the wait for it (11.11)', async () => {
      const { ours, childs } = openSocketPair(calls);
      await using sender = await transport.createSender({ endpoint: `fd:${ours.release()}` });
      const waiting = sender.waitForReceivers(1, LIMIT);
      childs.close();
      await expect(waiting).rejects.toThrow(expect.objectContaining({ code: 'PEER_DIED' }));
    });

    test('is the only receiver that can be waited for (11.11)', async () => {
      const { ours, childs } = openSocketPair(calls);
      await using sender = await transport.createSender({ endpoint: `fd:${ours.release()}` });
      await expect(sender.waitForReceivers(2, LIMIT)).rejects.toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', argument: 'count' }),
      );
      childs.close();
    });

    test('may not begin, as neither may its parent: the other side learns of it', async () => {
      const { ours, childs } = openSocketPair(calls);
      childs.close();
      const endpoint = `fd:${ours.release()}`;
      await expect(transport.createReceiver({ endpoint, ...LIMIT })).rejects.toThrow(
        expect.objectContaining({ code: 'PEER_DIED' }),
      );
    });

    test('may start long after its parent: nobody loses patience', async () => {
      const { ours, childs } = openSocketPair(calls);
      await using sender = await transport.createSender({ endpoint: `fd:${ours.release()}` });
      await expect(sender.waitForReceivers(1, { timeout: 1 })).rejects.toThrow(
        expect.objectContaining({ code: 'TIMEOUT' }),
      );
      const endpoint = `fd:${childs.release()}`;
      await using receiver = await transport.createReceiver({ endpoint, ...LIMIT });
      await sender.send(Buffer.from('late'), LIMIT);
      expect((await receiver.receive(LIMIT))?.copy().toString()).toBe('late');
    });

    test('is one connection: a second receiver cannot have it', async () => {
      const { ours, childs } = openSocketPair(calls);
      const [sending, receiving] = [`fd:${ours.release()}`, `fd:${childs.release()}`];
      await using sender = await transport.createSender({ endpoint: sending });
      await using _receiver = await transport.createReceiver({ endpoint: receiving, ...LIMIT });
      await sender.waitForReceivers(1, LIMIT);
      await expect(transport.createReceiver({ endpoint: receiving, ...LIMIT })).rejects.toThrow(
        expect.objectContaining({ code: 'ENDPOINT_INVALID' }),
      );
    });
  });
}
