import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { receiveChecked, sendPatterned } from '../harness/here.js';
import { ProcessPeer } from '../harness/process-peer.js';
import { runProgram } from '../harness/program.js';
import { observe, turns } from '../harness/settling.js';
import { type Stage, useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

/** Longest path of a Unix socket in bytes (`sockaddr_un`, unix(7)). */
const LONGEST_PATH = 107;

/** Senders and receivers find each other at the endpoint, whatever else is there. */
export function describeEndpoint(subject: Subject): void {
  describe('endpoint', () => {
    const stage = useStage(subject);
    const { transport, files } = subject;

    test('a receiver that is started first waits for its sender', async () => {
      const endpoint = stage.endpoint();
      const early = observe(stage.receiver(endpoint));
      await turns();
      expect(early.state()).toBe('pending');
      const sender = await stage.remoteSender(endpoint);
      const receiver = await early.promise;
      await sender.waitForReceivers(1);
      await sender.send(1234);
      expectReceived(await receiveChecked(receiver, 1), { messages: 1, bytes: 1234 });
    });

    test('an endpoint with a live sender is ENDPOINT_IN_USE, and the sender works on', async () => {
      const { sender, receiver } = await stage.outgoing();
      await expectFailure(() => stage.sender({}, sender.endpoint), 'ENDPOINT_IN_USE');
      await expectFailure(() => stage.remoteSender(sender.endpoint), 'ENDPOINT_IN_USE');
      await sendPatterned(sender, 100, 0);
      expectReceived(await receiver.receive(1), { messages: 1 });
    });

    test('of two senders that start at one endpoint together, one gets it', async () => {
      const endpoint = stage.endpoint();
      const attempts = await Promise.allSettled([
        stage.sender({}, endpoint),
        stage.remoteSender(endpoint),
        stage.sender({}, endpoint),
      ]);
      const lost = attempts.filter((attempt) => attempt.status === 'rejected');
      expect(lost.map((attempt) => attempt.reason.code)).toEqual([
        'ENDPOINT_IN_USE',
        'ENDPOINT_IN_USE',
      ]);
    });

    test.each(['', 'a\0b'])('the path %j is ENDPOINT_INVALID', async (endpoint) => {
      await expectFailure(() => transport.createSender({ endpoint }), 'ENDPOINT_INVALID');
      await expectFailure(() => transport.createReceiver({ endpoint }), 'ENDPOINT_INVALID');
    });

    describe.runIf(files)('in the file system', () => {
      describeFiles(stage);
      describeFates(stage, subject);
      describeStrangers(stage);
    });
  });
}

function describeFiles(stage: Stage): void {
  const refusedBySender = (endpoint: string, code: 'ENDPOINT_INVALID' | 'ENDPOINT_TOO_LONG') =>
    expectFailure(() => stage.sender({}, endpoint), code);
  const refusedByReceiver = (endpoint: string, code: 'ENDPOINT_INVALID' | 'ENDPOINT_TOO_LONG') =>
    expectFailure(() => stage.receiver(endpoint), code);

  test('a stale socket file of a killed process is replaced', async () => {
    const endpoint = stage.endpoint();
    const { peer } = await stage.remoteSender(endpoint);
    await peer.end();
    expect(existsSync(endpoint)).toBe(true);
    const early = observe(stage.remoteReceiver(endpoint));
    await turns();
    expect(early.state()).toBe('pending');
    const sender = await stage.sender({}, endpoint);
    const receiver = await early.promise;
    await sender.waitForReceivers();
    await sendPatterned(sender, 100, 0);
    expectReceived(await receiver.receive(1), { messages: 1 });
  });

  test('a path of 107 bytes works, and one more is ENDPOINT_TOO_LONG', async () => {
    const start = stage.path('');
    const longest = start.padEnd(LONGEST_PATH, 'x');
    const sender = await stage.sender({}, longest);
    await stage.remoteReceiver(longest);
    await sender.waitForReceivers();
    await refusedBySender(`${longest}x`, 'ENDPOINT_TOO_LONG');
    await refusedByReceiver(`${longest}x`, 'ENDPOINT_TOO_LONG');
    // Bytes count, not characters.
    const wide = `${start}${'é'.repeat(Math.ceil((LONGEST_PATH + 1 - start.length) / 2))}`;
    await refusedBySender(wide, 'ENDPOINT_TOO_LONG');
    await refusedByReceiver(wide, 'ENDPOINT_TOO_LONG');
  });

  test('a missing folder, or a file in its place, is ENDPOINT_INVALID', async () => {
    const missing = join(stage.path('folder'), 'endpoint');
    await refusedBySender(missing, 'ENDPOINT_INVALID');
    await refusedByReceiver(missing, 'ENDPOINT_INVALID');
    const file = stage.path('file');
    writeFileSync(file, 'kept');
    await refusedBySender(join(file, 'endpoint'), 'ENDPOINT_INVALID');
    await refusedByReceiver(join(file, 'endpoint'), 'ENDPOINT_INVALID');
  });

  test('a file, a folder or a dangling link in the way is ENDPOINT_INVALID and stays', async () => {
    const file = stage.path('file');
    writeFileSync(file, 'kept');
    await refusedBySender(file, 'ENDPOINT_INVALID');
    await refusedByReceiver(file, 'ENDPOINT_INVALID');
    expect(readFileSync(file, 'utf8')).toBe('kept');
    const folder = stage.path('folder');
    mkdirSync(folder);
    await refusedBySender(folder, 'ENDPOINT_INVALID');
    await refusedByReceiver(folder, 'ENDPOINT_INVALID');
    expect(existsSync(folder)).toBe(true);
    const link = stage.path('link');
    symlinkSync('nowhere', link);
    const { message } = await expectFailure(() => stage.sender({}, link), 'ENDPOINT_INVALID');
    expect(message).toContain('symbolic link to nowhere');
    expect(readlinkSync(link)).toBe('nowhere');
  });

  test('nobody is said to be silent where nobody listens, whenever the time is over', async () => {
    const endpoint = stage.endpoint();
    const { peer } = await stage.remoteSender(endpoint);
    await peer.end();
    for (let timeout = 1; timeout <= 30; timeout++) {
      const { message } = await expectFailure(
        () => stage.receiver(endpoint, { timeout }),
        'TIMEOUT',
      );
      expect(message).not.toContain('said nothing');
    }
  });

  test('a link to a stale socket is not for a sender to replace', async () => {
    const endpoint = stage.endpoint();
    const { peer } = await stage.remoteSender(endpoint);
    await peer.end();
    const link = stage.path('link');
    symlinkSync(endpoint, link);
    const { message } = await expectFailure(() => stage.sender({}, link), 'ENDPOINT_INVALID');
    expect(message).toContain(`symbolic link to ${endpoint}`);
    expect([readlinkSync(link), existsSync(endpoint)]).toEqual([endpoint, true]);
  });

  test('a path through a circle of links is told as that', async () => {
    const circle = stage.path('circle');
    symlinkSync(circle, circle);
    const { message } = await expectFailure(
      () => stage.receiver(`${circle}/endpoint`),
      'ENDPOINT_INVALID',
    );
    expect(message).toContain('symbolic links');
  });

  test.each(['fd:', 'fd:undefined', 'fd:-1', 'fd:3x', 'fd:99999999999'])(
    '%s is neither a descriptor nor a path',
    async (endpoint) => {
      for (const create of [() => stage.sender({}, endpoint), () => stage.receiver(endpoint)]) {
        const { message } = await expectFailure(create, 'ENDPOINT_INVALID');
        expect(message).toContain(`./${endpoint}`);
      }
    },
  );

  test('closing a sender leaves a socket file alone that is not its own', async () => {
    const first = await stage.sender();
    const elsewhere = stage.endpoint();
    const second = await stage.remoteSender(elsewhere);
    // At once: the first one makes its file anew where there is none.
    renameSync(elsewhere, first.endpoint);
    await first.close();
    const receiver = await stage.receiver(first.endpoint);
    await second.waitForReceivers(1);
    await second.send(10);
    expectReceived(await receiveChecked(receiver, 1), { messages: 1 });
  });
}

/** What may become of a sender's process and of its file. */
function describeFates(stage: Stage, subject: Subject): void {
  test('a sender that stands still is waited for, and the time limit says so (11.16)', async () => {
    const endpoint = stage.endpoint();
    const peer = await ProcessPeer.start(subject.moduleUrl, subject.exportName);
    stage.defer(() => peer.end());
    const sender = await stage.remoteSender(endpoint, {}, peer);
    process.kill(peer.pid, 'SIGSTOP');
    const error = await expectFailure(() => stage.receiver(endpoint, { timeout: 50 }), 'TIMEOUT');
    expect(error.message).toContain(endpoint);
    expect(error.message).toMatch(/somebody listens there( \(pid \d+\))? and has said nothing/);
    const waiting = observe(stage.receiver(endpoint));
    await turns();
    expect(waiting.state()).toBe('pending');
    process.kill(peer.pid, 'SIGCONT');
    const receiver = await waiting.promise;
    await stage.until(async () => (await sender.receivers()).length === 1);
    await sender.send(1234);
    expectReceived(await receiveChecked(receiver, 1), { messages: 1, bytes: 1234 });
  });

  test('a time limit without a sender says what is missing (11.16)', async () => {
    const endpoint = stage.endpoint();
    const wait = () => stage.receiver(endpoint, { timeout: 20 });
    const { message } = await expectFailure(wait, 'TIMEOUT');
    expect(message).toContain(`at ${endpoint}: there is no such file`);
    const { peer } = await stage.remoteSender(endpoint);
    await peer.end();
    const stale = await expectFailure(wait, 'TIMEOUT');
    expect(stale.message).toMatch(/nobody listens there.*left the file behind/);
  });

  test('a relative path is the same file wherever the process goes (11.20)', async () => {
    const [first, second] = [stage.path('first'), stage.path('second')];
    for (const folder of [first, second]) mkdirSync(folder);
    const said = await runProgram(
      subject,
      `const { readdirSync, writeFileSync } = await import('node:fs');
      const look = () => say(${JSON.stringify([first, second])}.map((folder) => readdirSync(folder)));
      const endpoint = './relative';
      process.chdir(${JSON.stringify(first)});
      const early = transport.createReceiver({ ...receiverOptions, endpoint });
      await new Promise(setImmediate);
      const sender = await transport.createSender({ ...senderOptions, endpoint });
      process.chdir(${JSON.stringify(second)});
      writeFileSync('relative', 'precious');
      look();
      const receiver = await early;
      await sender.waitForReceivers();
      await receiver.close();
      await sender.close();
      look();
      process.chdir(${JSON.stringify(first)});
      await transport.createSender({ ...senderOptions, endpoint });
      process.chdir('/');
      process.on('exit', () => {
        look();
        process.stdout.write(JSON.stringify(said));
        process.reallyExit(0);
      });
      process.exit();`,
    );
    expect(said).toEqual([
      [['relative'], ['relative']],
      [[], ['relative']],
      [[], ['relative']],
    ]);
  });

  test('a relative path works where only the absolute one is too long (11.20)', async () => {
    const folder = join(stage.path('deep'), 'x'.repeat(60), 'y'.repeat(60));
    mkdirSync(folder, { recursive: true });
    const said = await runProgram(
      subject,
      `const { readdirSync } = await import('node:fs');
      process.chdir(${JSON.stringify(folder)});
      const endpoint = './short';
      const sender = await transport.createSender({ ...senderOptions, endpoint });
      const receiver = await transport.createReceiver({ ...receiverOptions, endpoint });
      await sender.waitForReceivers();
      process.chdir('..');
      const second = await transport.createReceiver({ ...receiverOptions, endpoint: ${JSON.stringify(`${'y'.repeat(60)}/short`)} });
      await sender.waitForReceivers(2);
      await receiver.close();
      await second.close();
      await sender.close();
      say(readdirSync(${JSON.stringify(folder)}));`,
    );
    expect(said).toEqual([[]]);
  });

  test('a socket file that somebody removes is made anew (11.20)', async () => {
    const warning = nextWarning(stage);
    const sender = await stage.sender();
    const { endpoint } = sender;
    const before = await stage.remoteReceiver(endpoint);
    await sender.waitForReceivers();
    unlinkSync(endpoint);
    const after = await stage.receiver(endpoint);
    await sender.waitForReceivers(2);
    await sendPatterned(sender, 100, 0);
    expectReceived(await before.receive(1), { messages: 1, bytes: 100 });
    expectReceived(await receiveChecked(after, 1), { messages: 1, bytes: 100 });
    expect(lstatSync(endpoint).mode & 0o777).toBe(0o600);
    expect(await warning).toMatchObject({
      code: 'PAGEFERRY_ENDPOINT_REMOVED',
      message: expect.stringContaining(endpoint),
    });
    await expectFailure(() => stage.sender({}, endpoint), 'ENDPOINT_IN_USE');
    await sender.close();
    expect(existsSync(endpoint)).toBe(false);
  });

  test('what somebody puts in the place of a socket file stays, and is said (11.20)', async () => {
    const warning = nextWarning(stage);
    const sender = await stage.sender();
    const { endpoint } = sender;
    unlinkSync(endpoint);
    writeFileSync(endpoint, 'precious');
    expect(await warning).toMatchObject({
      code: 'PAGEFERRY_ENDPOINT_LOST',
      message: expect.stringContaining(endpoint),
    });
    await sender.close();
    expect(readFileSync(endpoint, 'utf8')).toBe('precious');
  });
}

/** The next warning about an endpoint in this process. */
function nextWarning(stage: Stage): Promise<Error> {
  return new Promise((resolve) => {
    const listener = (warning: Error & { readonly code?: string }): void => {
      if (warning.code?.startsWith('PAGEFERRY_ENDPOINT')) resolve(warning);
    };
    process.on('warning', listener);
    stage.defer(() => process.removeListener('warning', listener));
  });
}

function describeStrangers(stage: Stage): void {
  /** A server of another program at an endpoint of ours. */
  async function stranger(onConnection: (socket: Socket) => void): Promise<string> {
    const endpoint = stage.endpoint();
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      socket.on('error', () => {});
      sockets.push(socket);
      onConnection(socket);
    });
    await new Promise<void>((resolve) => server.listen(endpoint, resolve));
    stage.defer(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return endpoint;
  }

  test('a program that answers something else is NOT_PAGEFERRY', async () => {
    for (const answer of ['x', 'HTTP/1.1 400 Bad Request\r\n\r\n', '\0'.repeat(5000)]) {
      const endpoint = await stranger((socket) => socket.end(answer));
      await expectFailure(() => stage.receiver(endpoint), 'NOT_PAGEFERRY');
    }
  });

  test('a program that hangs up is NOT_PAGEFERRY, or waited for', async () => {
    const endpoint = await stranger((socket) => socket.destroy());
    const options = { timeout: 300 };
    await expectFailure(() => stage.receiver(endpoint, options), 'NOT_PAGEFERRY', 'TIMEOUT');
  });

  test('a program that never answers is NOT_PAGEFERRY, or waited for', async () => {
    const endpoint = await stranger(() => {});
    const options = { timeout: 300 };
    await expectFailure(() => stage.receiver(endpoint, options), 'NOT_PAGEFERRY', 'TIMEOUT');
  });

  test('a program that never answers is waited for, and the time limit says so (11.16)', async () => {
    const endpoint = await stranger(() => {});
    const error = await expectFailure(
      () => stage.receiver(endpoint, { timeout: 2000 }),
      'TIMEOUT',
      'TRANSPORT_MISMATCH',
    );
    expect(error.message).toMatch(/has said nothing/);
  });

  test('a sender does not push another program from its endpoint', async () => {
    const endpoint = await stranger((socket) => socket.end());
    await expectFailure(() => stage.sender({}, endpoint), 'ENDPOINT_IN_USE');
    expect(existsSync(endpoint)).toBe(true);
  });
}
