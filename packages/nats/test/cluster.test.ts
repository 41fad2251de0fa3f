import { natsTransport } from '@pageferry/nats';
import { freePort, hasNatsServer, NatsServer } from '@pageferry/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../dist/engine/engine.js';
import { findStream } from '../dist/engine/stream.js';
import { message } from './support/server.js';

const SUBJECT = 'test.cluster';

describe.skipIf(!hasNatsServer)('a cluster of three servers', { timeout: 180_000 }, () => {
  let servers: readonly NatsServer[] = [];

  beforeAll(async () => {
    const ports = await Promise.all([freePort(), freePort(), freePort()]);
    const routes = ports.map((port) => `nats://127.0.0.1:${port}`).join(', ');
    servers = await Promise.all(
      ports.map((port, index) =>
        NatsServer.start(
          `server_name: s${index}\ncluster { name: test, listen: "127.0.0.1:${port}", routes: [${routes}] }\n`,
        ),
      ),
    );
  }, 120_000);
  afterAll(() => Promise.all(servers.map((server) => server.remove())));

  test('of which one is killed, again and again, loses nothing and says nothing twice', async () => {
    const nats = natsTransport({ servers: servers.map(({ url }) => url), patience: 30_000 });
    const endpoint = `nats:${SUBJECT}`;
    await using sender = await madeAtLast(() => nats.createSender({ endpoint, replicas: 3 }));
    await using receiver = await nats.createReceiver({ endpoint });
    await sender.waitForReceivers();
    const COUNT = 150;
    const lengthOf = (number: number): number => (number % 10 === 0 ? 1_200_000 : 2000 + number);
    const sending = (async () => {
      for (let number = 0; number < COUNT; number++) {
        expect(await sender.send(message(number, lengthOf(number)))).toBe('sent');
      }
    })();
    let victim = 0;
    for (let number = 0; number < COUNT; number++) {
      using delivery = await receiver.receive();
      expect(delivery?.sequence).toBe(number);
      expect(delivery?.copy().equals(message(number, lengthOf(number)))).toBe(true);
      if (number % 50 === 25) await servers[victim]?.kill();
      if (number % 50 !== 45) continue;
      await servers[victim++]?.start();
      await untilWhole(servers);
    }
    await sending;
    await sender.flush();
    expect(sender.receivers).toMatchObject([{ messagesBehind: 0 }]);
  });

  test('of which one is killed, again and again, answers each request rightly or says that it is lost', async () => {
    const nats = natsTransport({ servers: servers.map(({ url }) => url), patience: 5000 });
    const endpoint = `nats:${SUBJECT}.requests`;
    await using first = await nats.createResponder({ endpoint });
    await using second = await nats.createResponder({ endpoint });
    const shares = [0, 0];
    for (const [index, responder] of [first, second].entries()) {
      const answering = (async () => {
        for await (using question of responder) {
          expect(['sent', 'no-receiver']).toContain(await question.respond(question.bytes));
          shares[index] = (shares[index] ?? 0) + 1;
        }
      })();
      answering.catch((error) => expect(error).toMatchObject({ code: 'CLOSED' }));
    }
    await using requester = await nats.createRequester({ endpoint });
    let next = 0;
    let answered = 0;
    const lengthOf = (number: number): number => (number % 20 === 0 ? 1_500_000 : number);
    const askOn = async (): Promise<void> => {
      while (next < 400) {
        const number = next++;
        try {
          using answer = await requester.request(message(number, lengthOf(number)));
          expect(answer.copy().equals(message(number, lengthOf(number)))).toBe(true);
          answered++;
        } catch (error) {
          expect(error).toMatchObject({ code: 'PEER_DIED' });
        }
      }
    };
    const asking = Promise.all(Array.from({ length: 10 }, askOn));
    for (const [index, server] of servers.entries()) {
      while (next < 100 * (index + 1)) await new Promise((resolve) => setTimeout(resolve, 1));
      await server.kill();
      await server.start();
    }
    await asking;
    // What was under way through a server that was killed, at most.
    expect(answered).toBeGreaterThan(400 - 3 * 10 - 1);
    expect(Math.min(...shares)).toBeGreaterThan(0);
    expect(requester.stats()).toMatchObject({ bytesOut: 0, requestsOpen: 0 });
  });
});

/** Waits until all servers have what is in the stream: with another one killed before that, two of three would be gone. */
async function untilWhole(servers: readonly NatsServer[]): Promise<void> {
  const options = { servers: servers.map(({ url }) => url) };
  const engine = await madeAtLast(() => Engine.open(options, 'test'));
  const { api } = engine;
  for (let isWhole = false; !isWhole; ) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const replicas = await findStream(api, SUBJECT)
      .then(async (name = '') => (await api.streams.info(name)).cluster?.replicas ?? [])
      .catch(() => []);
    isWhole =
      replicas.length === 2 && replicas.every(({ current, offline }) => current && !offline);
  }
  await engine.close();
}

/** Until its servers have elected one of them, a cluster has no JetStream. */
async function madeAtLast<T>(make: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await make();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
