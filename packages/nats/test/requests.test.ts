import { closeSync, openSync, readFileSync } from 'node:fs';
import {
  type Channel,
  type ChannelDelivery,
  type NatsResponder,
  natsTransport,
} from '@pageferry/nats';
import { Child, hasNatsServer, NatsServer, temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { Ground, message, until } from './support/server.js';

/** What the server of these tests lets through in one message. */
const MAX_PAYLOAD = 65_536;
const PROGRAM = new URL('programs/responder.mjs', import.meta.url);

/** Answers each question with its own bytes, and the tag one higher. */
async function echo(responder: NatsResponder): Promise<void> {
  for await (using question of responder) {
    expect(await question.respond(question.bytes, { tag: question.tag + 1 })).toBe('sent');
  }
}

describe.skipIf(!hasNatsServer)('requests', () => {
  const ground = new Ground(`max_payload: ${MAX_PAYLOAD}\n`);
  const folder = temporaryFolder();

  /** A responder that echoes until its test ends. */
  async function echoing(endpoint: string): Promise<NatsResponder> {
    const responder = await ground.responder(endpoint);
    echo(responder).catch((error) => expect(error).toMatchObject({ code: 'CLOSED' }));
    return responder;
  }

  async function taken(responder: NatsResponder): Promise<ChannelDelivery> {
    const question = await responder.receive();
    if (question === undefined) throw new Error('there is no question');
    return question;
  }

  test.each([0, 1, 1000, MAX_PAYLOAD - 512, MAX_PAYLOAD, MAX_PAYLOAD + 1, 1_000_000, 20_000_000])(
    'and answers of %i bytes',
    async (byteLength) => {
      const endpoint = ground.endpoint();
      const responder = await echoing(endpoint);
      const requester = await ground.requester(endpoint);
      const loan = await requester.loan(byteLength);
      loan.bytes.set(message(byteLength, byteLength));
      loan.tag = 7;
      using answer = await requester.request(loan);
      expect(answer.tag).toBe(8);
      expect(answer.copy().equals(message(byteLength, byteLength))).toBe(true);
      await until(() => responder.stats().bytesOut === 0);
      expect(requester.stats()).toMatchObject({ bytesOut: 0, loansHeld: 0, requestsOpen: 0 });
    },
  );

  test('where nobody answers fail at once', async () => {
    const endpoint = ground.endpoint();
    const requester = await ground.requester(endpoint);
    const error = { code: 'PEER_DIED', message: expect.stringContaining(endpoint) };
    await expect(requester.request(message(1, 100))).rejects.toMatchObject(error);
    await expect(requester.request(message(1, 200_000))).rejects.toMatchObject(error);
    expect(requester.stats()).toMatchObject({ bytesOut: 0, requestsOpen: 0 });
    // Somebody comes later.
    await echoing(endpoint);
    using answer = await requester.request(message(1, 100));
    expect(answer.copy().equals(message(1, 100))).toBe(true);
  });

  test('that are rejected, or released, say so', async () => {
    const endpoint = ground.endpoint();
    const responder = await ground.responder(endpoint);
    const requester = await ground.requester(endpoint);
    const rejected = requester.request(message(1, 10));
    const first = await taken(responder);
    const error = Object.assign(new RangeError('too far'), { code: 'FAR' });
    expect(await first.reject(error)).toBe('sent');
    await expect(first.respond(message(1, 10))).rejects.toMatchObject({ code: 'ALREADY_ANSWERED' });
    first.release();
    await expect(rejected).rejects.toMatchObject({
      code: 'REQUEST_FAILED',
      cause: { name: 'RangeError', message: 'too far', code: 'FAR' },
    });
    const released = requester.request(message(2, 10));
    (await taken(responder)).release();
    await expect(released).rejects.toMatchObject({ code: 'REQUEST_UNANSWERED' });
  });

  test('that were given up are not answered, and what they had is free', async () => {
    const endpoint = ground.endpoint();
    const responder = await ground.responder(endpoint);
    const requester = await ground.requester(endpoint);
    const late = requester.request(message(1, 100_000), { timeout: 300 });
    const question = await taken(responder);
    await expect(late).rejects.toMatchObject({ code: 'TIMEOUT' });
    const controller = new AbortController();
    const aborted = requester.request(message(2, 10), { signal: controller.signal });
    const other = await taken(responder);
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' });
    expect(requester.stats()).toMatchObject({ bytesOut: 0, requestsOpen: 0 });
    // What the requester says arrives in order: that it has given up is known by the second of these.
    for (let time = 0; time < 2; time++) {
      const next = requester.request(message(3, 10));
      using asked = await taken(responder);
      expect(await asked.respond(asked.bytes)).toBe('sent');
      (await next).release();
    }
    for (const [number, each] of [question, other].entries()) {
      expect(each.copy().equals(message(number + 1, each.byteLength))).toBe(true);
      using loan = await responder.loan(5);
      expect(each.tryRespond(loan)).toBe('no-receiver');
      expect(loan.owned).toBe(true);
      each.release();
    }
    await until(() => responder.stats().bytesOut === 0);
  });

  test('wait while all responders are busy: none gets more than it takes', async () => {
    const endpoint = ground.endpoint();
    const workers = [1, 2].map((tag) => worker(endpoint, tag, 1, 20));
    for (const each of workers) expect(await each.message()).toBe('ready');
    const requester = await ground.requester(endpoint);
    const tags = new Set<number>();
    const asking = Array.from({ length: 40 }, async (_, number) => {
      using answer = await requester.request(message(number, 1000 + number));
      expect(answer.copy().equals(message(number, 1000 + number))).toBe(true);
      tags.add(answer.tag);
    });
    await Promise.all(asking);
    expect([...tags].sort()).toEqual([1, 2]);
    for (const each of workers) {
      each.send('most');
      expect(await each.message()).toBe(1);
      await each.end('SIGKILL');
    }
  });

  test('a thousand at once, of several workers, of whom one is killed', {
    timeout: 120_000,
  }, async () => {
    const endpoint = ground.endpoint();
    const workers = [1, 2, 3].map((tag) => worker(endpoint, tag, 16, 5));
    for (const each of workers) expect(await each.message()).toBe('ready');
    const requester = await ground.requester(endpoint, { poolBytes: 256 * 1024 * 1024 });
    const byTag = new Map<number, number>();
    let lost = 0;
    let answered = 0;
    const ask = async (number: number): Promise<void> => {
      const byteLength = number % 50 === 0 ? 300_000 : number;
      try {
        using answer = await requester.request(message(number, byteLength));
        expect(answer.copy().equals(message(number, byteLength))).toBe(true);
        byTag.set(answer.tag, (byTag.get(answer.tag) ?? 0) + 1);
        answered++;
        if (answered === 100) await workers[0]?.end('SIGKILL');
      } catch (error) {
        // It may have been done. Here it does no harm to do it twice.
        expect(error).toMatchObject({ code: 'PEER_DIED' });
        lost++;
        await ask(number);
      }
    };
    await Promise.all(Array.from({ length: 1000 }, (_, number) => ask(number)));
    expect(answered).toBe(1000);
    // What the one that was killed had taken, and answers of it that were under way.
    expect(lost).toBeLessThan(64);
    expect([...byTag.keys()].sort()).toEqual([1, 2, 3]);
    expect(requester.stats()).toMatchObject({ bytesOut: 0, requestsOpen: 0 });
    for (const each of workers) await each.end('SIGKILL');
  });

  test('whose responder ends: in order they are unanswered, otherwise it has died', async () => {
    const endpoint = ground.endpoint();
    const requester = await ground.requester(endpoint);
    const first = await ground.responder(endpoint);
    const asking = requester.request(message(1, 10));
    const large = requester.request(message(2, 10));
    // Either may be told first.
    for (const each of [asking, large]) each.catch(() => undefined);
    const [one, two] = [await taken(first), await taken(first)];
    // What was answered arrives whole.
    const ofLarge = one.copy().equals(message(2, 10)) ? one : two;
    expect(await ofLarge.respond(message(3, 2_000_000))).toBe('sent');
    await first.close();
    await expect(asking).rejects.toMatchObject({ code: 'REQUEST_UNANSWERED' });
    using answer = await large;
    expect(answer.copy().equals(message(3, 2_000_000))).toBe(true);

    const second = await ground.responder(endpoint);
    const again = requester.request(message(1, 10));
    await taken(second);
    await second.destroy();
    await expect(again).rejects.toMatchObject({ code: 'PEER_DIED' });
  });

  test('whose requester is gone: its answer is for nobody', async () => {
    const endpoint = ground.endpoint();
    const responder = await ground.responder(endpoint, { maxUnderWay: 2 });
    const answerNext = async (): Promise<void> => {
      using question = await taken(responder);
      expect(await question.respond(question.bytes)).toBe('sent');
    };
    const requester = await ground.requester(endpoint);
    const asking = requester.request(message(1, 100));
    const closed = expect(asking).rejects.toMatchObject({ code: 'CLOSED' });
    const question = await taken(responder);
    const other = requester.request(message(2, 100));
    await answerNext();
    (await other).release();
    // By now it knows who has taken its question, and tells that one that it ends.
    await requester.close();
    await closed;
    const next = await ground.requester(endpoint);
    const asked = next.request(message(3, 100));
    await answerNext();
    (await asked).release();
    using loan = await responder.loan(10);
    expect(question.tryRespond(loan)).toBe('no-receiver');
    question.release();
    // There is room for two again.
    const both = [1, 2].map((number) => next.request(message(number, 100)));
    const questions = [await taken(responder), await taken(responder)];
    for (const each of questions) {
      expect(await each.respond(each.bytes)).toBe('sent');
      each.release();
    }
    for (const each of both) (await each).release();
  });

  test('outlive a restart of the server', { timeout: 60_000 }, async () => {
    const endpoint = ground.endpoint();
    const patient = ground.transport({ patience: 5000 });
    const responder = await ground.responder(endpoint, {}, patient);
    const requester = await ground.requester(endpoint, {}, patient);
    const asking = requester.request(message(1, 300_000));
    const question = await taken(responder);
    const early = requester.request(message(2, 100));
    const second = await taken(responder);
    await second.respond(message(4, 100_000));
    await ground.server.kill();
    await ground.server.start();
    expect(await question.respond(message(3, 300_000))).toBe('sent');
    using answer = await asking;
    expect(answer.copy().equals(message(3, 300_000))).toBe(true);
    using other = await early;
    expect(other.copy().equals(message(4, 100_000))).toBe(true);
    second.release();
    question.release();
    const next = requester.request(message(5, 10));
    using third = await taken(responder);
    await third.respond(third.bytes);
    (await next).release();
  });

  test('need no JetStream', async () => {
    const account = 'accounts { plain { users: [{ user: ada, password: right }] } }\n';
    const server = await NatsServer.start(account);
    try {
      const nats = natsTransport({ servers: server.url, user: 'ada', pass: 'right' });
      const endpoint = 'nats:test.plain';
      await expect(nats.createSender({ endpoint })).rejects.toMatchObject({
        code: 'NOT_SUPPORTED',
      });
      await using responder = await nats.createResponder({ endpoint });
      await using requester = await nats.createRequester({ endpoint });
      const asking = requester.request(message(1, 100));
      using question = await taken(responder);
      expect(await question.respond(question.bytes)).toBe('sent');
      using answer = await asking;
      expect(answer.copy().equals(message(1, 100))).toBe(true);
    } finally {
      await server.remove();
    }
  });

  test('are refused with wrong options, and where no server is', async () => {
    const nats = natsTransport({ servers: '127.0.0.1:1' });
    for (const create of [nats.createRequester, nats.createResponder]) {
      for (const endpoint of ['', 'plain', 'nats:a.*', 'nats:a._questions']) {
        await expect(create({ endpoint })).rejects.toMatchObject({ code: 'ENDPOINT_INVALID' });
      }
      const wrong = { endpoint: 'nats:a', poolBytes: 0 };
      await expect(create(wrong)).rejects.toMatchObject({ argument: 'poolBytes' });
      await expect(create({ endpoint: 'nats:a' })).rejects.toMatchObject({
        code: 'SYSTEM_CALL_FAILED',
        errnoName: 'ECONNREFUSED',
      });
    }
    const none = { endpoint: 'nats:a', maxUnderWay: 0 };
    await expect(nats.createResponder(none)).rejects.toMatchObject({ argument: 'maxUnderWay' });
    const requester = await ground.requester(ground.endpoint());
    const channel = requester as unknown as Channel;
    await expect(channel.send(message(1, 1))).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });

  test('move on to a file, which answers them', async () => {
    const endpoint = ground.endpoint();
    const responder = await ground.responder(endpoint);
    const requester = await ground.requester(endpoint);
    const asking = requester.request(message(1, 200_000));
    const path = folder.fresh('file');
    const fd = openSync(path, 'w');
    expect(await responder.spliceTo(fd)).toMatchObject({ byteLength: 200_000 });
    closeSync(fd);
    using answer = await asking;
    expect(answer.byteLength).toBe(0);
    expect(readFileSync(path).equals(message(1, 200_000))).toBe(true);
  });

  test('wait for room here: answers of more than may be held come one after the other', async () => {
    const endpoint = ground.endpoint();
    await echoing(endpoint);
    const requester = await ground.requester(endpoint, { maxBorrowedBytes: 250_000 });
    const answers = Array.from({ length: 10 }, async (_, number) => {
      using answer = await requester.request(message(number, 200_000));
      expect(answer.copy().equals(message(number, 200_000))).toBe(true);
    });
    await Promise.all(answers);
  });

  function worker(endpoint: string, tag: number, maxUnderWay: number, pause: number): Child {
    const words = [ground.server.url, endpoint, tag, maxUnderWay, pause].map(String);
    return new Child(PROGRAM, words);
  }
});
