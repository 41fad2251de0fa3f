import { randomUUID } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectFailure, expectReceived } from '../harness/expectations.js';
import { canActAsNobody, NOBODY } from '../harness/probes.js';
import { ProcessPeer } from '../harness/process-peer.js';
import { runProgram } from '../harness/program.js';
import { type Stage, useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

/** Another user of the machine gets nothing. Needs root, to act as another user. */
export function describeUsers(subject: Subject): void {
  const { files, moduleUrl, exportName } = subject;
  describe.runIf(files && canActAsNobody(moduleUrl))('other users (needs root)', () => {
    const stage = useStage(subject);

    async function startNobody(): Promise<ProcessPeer> {
      const peer = await ProcessPeer.start(moduleUrl, exportName, NOBODY);
      stage.defer(() => peer.end());
      return peer;
    }

    /**
     * An endpoint in a folder that everybody may use, or as `mode` says. No other socket of this machine has its name: one
     * whose folder is gone could be taken for it.
     */
    function sharedEndpoint(mode: number): string {
      const folder = openFolder(stage);
      chmodSync(folder, mode);
      return join(folder, `endpoint-${randomUUID()}`);
    }

    test('another user cannot receive, and the sender works on', async () => {
      const nobody = await startNobody();
      const sender = await stage.sender({}, sharedEndpoint(0o777));
      const { endpoint } = sender;
      await expectFailure(
        () => stage.remoteReceiver(endpoint, {}, nobody),
        'ENDPOINT_FORBIDDEN',
        'PEER_REJECTED',
      );
      const receiver = await stage.remoteReceiver(endpoint);
      await sender.waitForReceivers();
      expect(sender.receivers).toHaveLength(1);
      expect(await sender.send(Buffer.alloc(0))).toBe('sent');
      expectReceived(await receiver.receive(1), { messages: 1, bytes: 0 });
    });

    test("another user's sender is not trusted", async () => {
      const nobody = await startNobody();
      const endpoint = sharedEndpoint(0o777);
      await stage.remoteSender(endpoint, {}, nobody);
      await expectFailure(() => stage.receiver(endpoint), 'ENDPOINT_FORBIDDEN', 'PEER_REJECTED');
    });

    test('another user cannot take over an endpoint', async () => {
      const nobody = await startNobody();
      const sender = await stage.sender({}, sharedEndpoint(0o777));
      const { endpoint } = sender;
      await expectFailure(
        () => stage.remoteSender(endpoint, {}, nobody),
        'ENDPOINT_FORBIDDEN',
        'ENDPOINT_IN_USE',
      );
      expect(existsSync(endpoint)).toBe(true);
      await stage.remoteReceiver(endpoint);
      await sender.waitForReceivers();
    });

    test('a stale file of another user is replaced by root (11.20)', async () => {
      const nobody = await startNobody();
      const endpoint = sharedEndpoint(0o777);
      await stage.remoteSender(endpoint, {}, nobody);
      await nobody.end();
      const sender = await stage.sender({}, endpoint);
      await stage.remoteReceiver(endpoint);
      await sender.waitForReceivers();
    });

    test('a stale file of another user is said to be that (11.20)', async () => {
      const nobody = await startNobody();
      const endpoint = sharedEndpoint(0o777);
      const { peer } = await stage.remoteSender(endpoint);
      await peer.end();
      const create = () => stage.remoteSender(endpoint, {}, nobody);
      const { message } = await expectFailure(create, 'ENDPOINT_FORBIDDEN');
      expect(message).toMatch(
        /file is user 0's, and this process runs as user 65534\. It looks stale/,
      );
      expect(message).toContain('user 0 or root can remove or replace it');
      expect(existsSync(endpoint)).toBe(true);
    });

    test('a live one of another user is not said to be stale (11.20)', async () => {
      const nobody = await startNobody();
      const endpoint = sharedEndpoint(0o777);
      await stage.remoteSender(endpoint);
      const folder = dirname(endpoint);
      const link = join(folder, 'link');
      symlinkSync(folder, link);
      const aliases = [
        endpoint,
        `${folder}/./${basename(endpoint)}`,
        `${link}/${basename(endpoint)}`,
      ];
      for (const alias of aliases) {
        const create = () => stage.remoteSender(alias, {}, nobody);
        const { message } = await expectFailure(create, 'ENDPOINT_FORBIDDEN');
        expect(message).toMatch(/file is user 0's, and this process runs as user 65534$/);
      }
    });

    test('a folder that this user may not search is not said to be missing', async () => {
      const nobody = await startNobody();
      const endpoint = sharedEndpoint(0o700);
      await stage.remoteSender(endpoint);
      const create = () => stage.remoteReceiver(endpoint, {}, nobody);
      await expectFailure(create, 'ENDPOINT_FORBIDDEN');
    });

    test('a sender that changes its user serves whom it served, and says so (11.20)', async () => {
      const nobody = await startNobody();
      const endpoint = sharedEndpoint(0o777);
      const said = runProgram(
        subject,
        `const sender = await transport.createSender({ ...senderOptions, endpoint: ${JSON.stringify(endpoint)} });
        process.setegid(${NOBODY});
        process.seteuid(${NOBODY});
        await sender.waitForReceivers();
        say(await sender.send(Buffer.from('to whom it began for')));
        await sender.flush();
        await sender.destroy();`,
      );
      // The file is its creator's: it is there once the sender is.
      await stage.until(() => existsSync(endpoint));
      const { message } = await expectFailure(
        () => stage.remoteReceiver(endpoint, {}, nobody),
        'ENDPOINT_FORBIDDEN',
      );
      expect(message).toMatch(/user 0's?, and this process runs as user 65534/);
      const receiver = await stage.receiver(endpoint);
      expect((await receiver.receive())?.copy().toString()).toBe('to whom it began for');
      await receiver.close();
      expect(await said).toEqual(['sent']);
    });

    test('a folder that may not be written, or not entered, is ENDPOINT_FORBIDDEN', async () => {
      const nobody = await startNobody();
      const readable = sharedEndpoint(0o755);
      const code = 'ENDPOINT_FORBIDDEN';
      await expectFailure(() => stage.remoteSender(readable, {}, nobody), code);
      const closed = sharedEndpoint(0o700);
      await expectFailure(() => stage.remoteSender(closed, {}, nobody), code);
      await expectFailure(() => stage.remoteReceiver(closed, {}, nobody), code);
    });

    test('two processes of that other user work together', async () => {
      const endpoint = sharedEndpoint(0o700);
      chownSync(join(endpoint, '..'), NOBODY, NOBODY);
      const [one, other] = await Promise.all([startNobody(), startNobody()]);
      const sender = await stage.remoteSender(endpoint, {}, one);
      const receiver = await stage.remoteReceiver(endpoint, {}, other);
      await sender.waitForReceivers(1);
      const sent = sender.send(3_000_000);
      expectReceived(await receiver.receive(1), { messages: 1, bytes: 3_000_000 });
      await sent;
    });
  });
}

/** A folder in the stage's own, which is opened far enough to reach it. */
function openFolder(stage: Stage): string {
  const folder = stage.path('folder');
  mkdirSync(folder);
  chmodSync(join(folder, '..'), 0o711);
  return folder;
}
