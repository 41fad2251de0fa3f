import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { nkeys } from '@nats-io/transport-node';
import { type NatsTransportOptions, natsTransport, nkeyAuthenticator } from '@pageferry/nats';
import { freePort, hasNatsServer, NatsServer, temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { Authority, hasOpenssl } from './support/certificates.js';
import { Operator } from './support/jwt.js';
import { message, until } from './support/server.js';

const folder = temporaryFolder();

/** A server for one test. */
async function withServer(
  config: string,
  use: (
    transport: (options?: NatsTransportOptions) => ReturnType<typeof natsTransport>,
  ) => Promise<void>,
): Promise<void> {
  const server = await NatsServer.start(config);
  const before = sockets();
  try {
    await use((options = {}) => natsTransport({ servers: server.url, timeout: 2000, ...options }));
    // Neither who was let in nor who was not has left a connection behind.
    await until(() => sockets() <= before);
  } finally {
    await server.remove();
  }
}

function sockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name.startsWith('TCPSocket')).length;
}

/** Sends a message that does not fit into one piece, and receives it. */
async function expectPassage(
  nats: ReturnType<typeof natsTransport>,
  endpoint = 'nats:test.credentials',
): Promise<void> {
  await using sender = await nats.createSender({ endpoint });
  await using receiver = await nats.createReceiver({ endpoint });
  await sender.waitForReceivers();
  expect(await sender.send(message(1, 1_500_000))).toBe('sent');
  using delivery = await receiver.receive();
  expect(delivery?.copy().equals(message(1, 1_500_000))).toBe(true);
}

/** Neither side is let in, and both say so at once. */
async function expectRefusal(
  nats: ReturnType<typeof natsTransport>,
  error: object = { code: 'ENDPOINT_FORBIDDEN' },
): Promise<void> {
  const options = { endpoint: 'nats:test.credentials' };
  await expect(nats.createSender(options)).rejects.toMatchObject(error);
  await expect(nats.createReceiver(options)).rejects.toMatchObject(error);
}

describe.skipIf(!hasNatsServer)('who may connect', () => {
  test('a user with a password', async () => {
    await withServer(
      'authorization { users: [{ user: ada, password: right }] }\n',
      async (nats) => {
        await expectPassage(nats({ user: 'ada', pass: 'right' }));
        await expectRefusal(nats({ user: 'ada', pass: 'wrong' }));
        await expectRefusal(nats());
      },
    );
  });

  test('a user who may do no more than the README says, with inboxes of its own', async () => {
    const inbox = '_FERRY.ada.>';
    const publish = ['ferry.>', '$JS.API.>', '$JS.ACK.>', '$JS.FC.>', inbox];
    const advisories = '$JS.EVENT.ADVISORY.CONSUMER.>';
    const subscribe = ['ferry.>', '$JS.ACK.>', advisories, inbox];
    const quoted = (subjects: readonly string[]): string =>
      `[${subjects.map((each) => `"${each}"`).join(', ')}]`;
    const user = (name: string, may: string): string =>
      `{ user: ${name}, password: right, permissions: { publish: ${quoted(publish)}, subscribe: ${may} } }`;
    const users = [user('ada', quoted(subscribe)), user('eve', quoted([inbox]))].join(', ');
    await withServer(`authorization { users: [${users}] }\n`, async (nats) => {
      const endpoint = 'nats:ferry.frames';
      const ada = nats({ user: 'ada', pass: 'right', inboxPrefix: '_FERRY.ada' });
      await expectPassage(ada, endpoint);
      await using responder = await ada.createResponder({ endpoint });
      await using requester = await ada.createRequester({ endpoint });
      const asking = requester.request(message(1, 3_000_000));
      using question = await responder.receive();
      expect(await question?.respond(question.bytes)).toBe('sent');
      (await asking).release();
      // Who may not do that is told so.
      const elsewhere = await ada.createRequester({ endpoint: 'nats:other' });
      const refused = { code: 'ENDPOINT_FORBIDDEN' };
      await expect(elsewhere.request(message(1, 10))).rejects.toMatchObject(refused);
      await elsewhere.close();
      const eve = nats({ user: 'eve', pass: 'right', inboxPrefix: '_FERRY.ada' });
      const deaf = await eve.createResponder({ endpoint });
      await expect(deaf.receive()).rejects.toMatchObject(refused);
      await deaf.close();
      const mute = await nats({ user: 'ada', pass: 'right' }).createRequester({ endpoint });
      await expect(mute.request(message(1, 10))).rejects.toMatchObject(refused);
      await mute.close();
    });
  });

  test('who has the token', async () => {
    await withServer('authorization { token: right }\n', async (nats) => {
      await expectPassage(nats({ token: 'right' }));
      await expectRefusal(nats({ token: 'wrong' }));
    });
  });

  test('who has the NKey', async () => {
    const [known, other] = [nkeys.createUser(), nkeys.createUser()];
    await withServer(
      `authorization { users: [{ nkey: ${known.getPublicKey()} }] }\n`,
      async (nats) => {
        await expectPassage(nats({ authenticator: nkeyAuthenticator(known.getSeed()) }));
        await expectRefusal(nats({ authenticator: nkeyAuthenticator(other.getSeed()) }));
      },
    );
  });

  test('who has a credentials file of the operator that the server trusts', async () => {
    const operator = new Operator();
    const save = (content: string): { credentials: string } => {
      const credentials = folder.fresh('creds');
      writeFileSync(credentials, content);
      return { credentials };
    };
    await withServer(operator.config, async (nats) => {
      await expectPassage(nats(save(operator.credentials())));
      await expectRefusal(nats(save(new Operator().credentials())));
      await expectRefusal(nats(save('no credentials')), {
        code: 'INVALID_ARGUMENT',
        argument: 'credentials',
      });
      const missing = { code: 'SYSTEM_CALL_FAILED', syscall: 'open', errnoName: 'ENOENT' };
      await expectRefusal(nats({ credentials: folder.fresh('missing') }), missing);
    });
  });

  test.skipIf(!hasOpenssl)('over TLS: who trusts the server', async () => {
    const ours = new Authority(folder.path, 'ours');
    const theirs = new Authority(folder.path, 'theirs');
    const { certFile, keyFile } = ours.issue('server');
    const config = `tls { cert_file: "${certFile}", key_file: "${keyFile}" }\n`;
    await withServer(config, async (nats) => {
      await expectPassage(nats({ tls: { caFile: ours.caFile } }));
      await expectRefusal(nats({ tls: { caFile: theirs.caFile } }));
      await expectRefusal(nats());
      const missing = { code: 'SYSTEM_CALL_FAILED', syscall: 'access', errnoName: 'ENOENT' };
      await expectRefusal(nats({ tls: { caFile: folder.fresh('missing') } }), missing);
    });
  });

  test.skipIf(!hasOpenssl)('over mutual TLS: whom the server trusts as well', async () => {
    const ours = new Authority(folder.path, 'mutual');
    const theirs = new Authority(folder.path, 'foreign');
    const { certFile, keyFile } = ours.issue('verifier');
    const config = `tls { cert_file: "${certFile}", key_file: "${keyFile}", ca_file: "${ours.caFile}", verify: true }\n`;
    await withServer(config, async (nats) => {
      const { caFile } = ours;
      await expectPassage(nats({ tls: { caFile, ...ours.issue('client') } }));
      const refused = {
        code: 'SYSTEM_CALL_FAILED',
        errnoName: 'ETIMEDOUT',
        message: expect.stringContaining('certFile'),
      };
      await expectRefusal(nats({ timeout: 300, tls: { caFile } }), refused);
      const foreign = { caFile, ...theirs.issue('intruder') };
      await expectRefusal(nats({ timeout: 300, tls: foreign }), refused);
    });
  });

  test('who is not let in any more after a restart is told why, on both sides', async () => {
    const port = await freePort();
    const before = await NatsServer.start('authorization { token: before }\n', port);
    const nats = natsTransport({ servers: before.url, token: 'before', reconnectTimeWait: 50 });
    const endpoint = 'nats:test.credentials';
    const sender = await nats.createSender({ endpoint });
    const receiver = await nats.createReceiver({ endpoint });
    await sender.waitForReceivers();
    const receiving = receiver.receive();
    const warned = new Promise((resolve) => process.once('warning', resolve));
    await before.remove();
    const after = await NatsServer.start('authorization { token: after }\n', port);
    try {
      await expect(receiving).rejects.toMatchObject({ code: 'ENDPOINT_FORBIDDEN' });
      await expect(receiver.receive()).rejects.toMatchObject({ code: 'ENDPOINT_FORBIDDEN' });
      expect(await warned).toMatchObject({ code: 'PAGEFERRY_CONNECTION_FAILED' });
      expect(await sender.send(message(0, 100))).toBe('no-receiver');
      await expect(sender.waitForReceivers()).rejects.toMatchObject({ code: 'ENDPOINT_FORBIDDEN' });
      await sender.flush();
      await receiver.close();
      await sender.close();
    } finally {
      await after.remove();
    }
  });
});

test('a server that says nothing holds nobody beyond a time limit, nor for ever', async () => {
  const held = new Set<Socket>();
  const silent = createServer((socket) => held.add(socket)).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const servers = `127.0.0.1:${port}`;
  const endpoint = 'nats:test.silent';
  // The client itself would wait for longer than this test may take.
  const patient = natsTransport({ servers, timeout: 600_000 });
  const limited = patient.createReceiver({ endpoint, timeout: 100 });
  await expect(limited).rejects.toMatchObject({ code: 'TIMEOUT' });
  const late = natsTransport({ servers, timeout: 100 }).createSender({ endpoint });
  const error = { code: 'SYSTEM_CALL_FAILED', errnoName: 'ETIMEDOUT' };
  await expect(late).rejects.toMatchObject(error);
  for (const socket of held) socket.destroy();
  silent.close();
});
