import { connect, headers, type Msg, type NatsConnection } from '@nats-io/transport-node';
import type { NatsRequester } from '@pageferry/nats';
import { hasNatsServer } from '@pageferry/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { Ground, message, until } from './support/server.js';

const NOTHING = new Uint8Array(0);

/** A peer that speaks to the servers itself. */
class Peer {
  readonly #connection: NatsConnection;
  readonly #inbox: string;
  /** What was said to its inbox. */
  readonly heard: Msg[] = [];

  constructor(connection: NatsConnection) {
    this.#connection = connection;
    this.#inbox = `hostile.${process.pid}.${Math.floor(Math.random() * 1e9)}`;
    connection.subscribe(`${this.#inbox}.*`, { callback: (_, said) => void this.heard.push(said) });
  }

  get inbox(): string {
    return `${this.#inbox}.1`;
  }

  /** Takes part in the group that answers, and does to each question what `act` does. */
  answer(endpoint: string, act: (question: Msg) => void): void {
    const subject = `${endpoint.slice('nats:'.length)}._questions`;
    this.#connection.subscribe(subject, { queue: 'pageferry', callback: (_, said) => act(said) });
  }

  say(to: string | undefined, words: string | undefined, bytes: Uint8Array = NOTHING): void {
    const all = headers();
    if (words !== undefined) all.set('Pageferry', words);
    this.#connection.publish(to ?? '', bytes, { reply: this.inbox, headers: all });
  }

  /** What was said, as words. */
  words(): readonly string[] {
    return this.heard.map((said) => said.headers?.get('Pageferry') ?? '');
  }

  flush(): Promise<void> {
    return this.#connection.flush();
  }
}

describe.skipIf(!hasNatsServer)('against whoever breaks the protocol', () => {
  const ground = new Ground();
  const connections: NatsConnection[] = [];
  afterEach(() => Promise.all(connections.splice(0).map((each) => each.close())));

  async function peer(): Promise<Peer> {
    const connection = await connect({ servers: ground.server.url });
    connections.push(connection);
    const created = new Peer(connection);
    await connection.flush();
    return created;
  }

  /** Asks a responder that does to the question what `act` does. */
  async function ask(
    act: (peer: Peer, to: string) => void,
    question = message(1, 100),
  ): Promise<{ readonly asking: ReturnType<NatsRequester['request']>; readonly hostile: Peer }> {
    const endpoint = ground.endpoint();
    const hostile = await peer();
    hostile.answer(endpoint, ({ reply = '' }) => act(hostile, reply));
    await hostile.flush();
    const requester = await ground.requester(endpoint, { maxBorrowedBytes: 1024 * 1024 });
    return { asking: requester.request(question), hostile };
  }

  test('one that swallows what it is asked holds nothing up for good', async () => {
    const endpoint = ground.endpoint();
    const hostile = await peer();
    hostile.answer(endpoint, () => undefined);
    await hostile.flush();
    const requester = await ground.requester(endpoint);
    // So many are asked at once, and the rest when they are given up.
    const asking = Array.from({ length: 100 }, (_, number) =>
      requester.request(message(number, 9)),
    );
    const codes = (await Promise.allSettled(asking)).map(
      (each) => each.status === 'rejected' && each.reason.code,
    );
    expect(codes).toEqual(Array(100).fill('PEER_DIED'));
  });

  test.each<[string, string, (hostile: Peer, to: string) => void]>([
    ['no note', 'NOT_PAGEFERRY', (hostile, to) => hostile.say(to, undefined, message(1, 50))],
    ['an unknown word', 'PEER_MISBEHAVED', (hostile, to) => hostile.say(to, 'hello')],
    ['a word of who asks', 'PEER_MISBEHAVED', (hostile, to) => hostile.say(to, 'question 1 1 1')],
    ['no numbers', 'PEER_MISBEHAVED', (hostile, to) => hostile.say(to, 'answer')],
    ['numbers that are none', 'PEER_MISBEHAVED', (hostile, to) => hostile.say(to, 'answer -1 0')],
    [
      'a tag beyond all',
      'PEER_MISBEHAVED',
      (hostile, to) => hostile.say(to, 'answer 1 4294967296'),
    ],
    [
      'a length beyond all',
      'PEER_MISBEHAVED',
      (hostile, to) => hostile.say(to, `answer ${2 ** 49} 0`),
    ],
    [
      'more bytes than it says',
      'PEER_MISBEHAVED',
      (hostile, to) => hostile.say(to, 'answer 10 0', message(1, 11)),
    ],
    [
      'a piece that nobody wanted',
      'PEER_MISBEHAVED',
      (hostile, to) => hostile.say(to, 'piece 0', message(1, 11)),
    ],
    [
      'a piece beyond the end',
      'PEER_MISBEHAVED',
      (hostile, to) => {
        hostile.say(to, 'answer 3000 0', message(1, 10));
        hostile.say(to, 'piece 3000', message(1, 10));
      },
    ],
    [
      'a piece that is too long',
      'PEER_MISBEHAVED',
      (hostile, to) => {
        hostile.say(to, 'answer 3000 0', message(1, 1000));
        hostile.say(to, 'piece 1000', message(1, 2001));
      },
    ],
    [
      'a wish for bytes that are not there',
      'PEER_MISBEHAVED',
      (hostile, to) => hostile.say(to, 'fetch 50 51'),
    ],
    ['another version', 'VERSION_MISMATCH', (hostile, to) => hostile.say(to, 'version 2')],
    ['that it knows nothing of it', 'PEER_DIED', (hostile, to) => hostile.say(to, 'unknown')],
    [
      'a failure that is none',
      'REQUEST_FAILED',
      (hostile, to) => hostile.say(to, 'failure 3 0', message(1, 3)),
    ],
    ['nothing at all', 'PEER_DIED', () => undefined],
  ])('whose answer is %s: %s', async (_, code, act) => {
    const { asking } = await ask(act);
    await expect(asking).rejects.toMatchObject({ code });
  });

  test('a responder that keeps a piece back, and says that it is there, breaks the protocol', async () => {
    let timer: NodeJS.Timeout | undefined;
    const { asking, hostile } = await ask((peer, to) => {
      peer.say(to, 'answer 3000 0', message(1, 1000));
      // Alive all the while.
      timer = setInterval(() => peer.say(to, 'open'), 50);
    });
    await expect(asking).rejects.toMatchObject({ code: 'PEER_MISBEHAVED' });
    clearInterval(timer);
    expect(hostile.words().filter((word) => word.startsWith('fetch')).length).toBeGreaterThan(3);
  });

  test('pieces that come short, doubled and in reverse order make the right message', async () => {
    const whole = message(4, 4_500_000);
    let timer: NodeJS.Timeout | undefined;
    const { asking, hostile } = await ask((peer, to) => {
      peer.say(to, `answer ${whole.length} 9`, whole.subarray(0, 5));
      let seen = 0;
      timer = setInterval(() => {
        const wishes = peer.words().slice(seen);
        seen += wishes.length;
        for (const wish of wishes.reverse()) {
          const [word, offset, length] = wish.split(' ');
          if (word !== 'fetch') continue;
          const from = Number(offset);
          const bytes = whole.subarray(from, from + Math.min(Number(length), 700_000));
          for (let twice = 0; twice < 2; twice++) peer.say(to, `piece ${from}`, bytes);
        }
      }, 2);
    });
    using answer = await asking;
    expect(answer.tag).toBe(9);
    expect(answer.copy().equals(whole)).toBe(true);
    await until(() => hostile.words().includes('done'));
    clearInterval(timer);
  });

  test('of two that answer one question the first one counts, and the other is told', async () => {
    const second = await peer();
    const { asking } = await ask((hostile, to) => {
      hostile.say(to, 'taken');
      void hostile.flush().then(async () => {
        second.say(to, 'answer 3 0', Buffer.from('bad'));
        await second.flush();
        await until(() => second.words().includes('done'));
        hostile.say(to, 'answer 4 0', Buffer.from('good'));
      });
    });
    using answer = await asking;
    expect(answer.copy().toString()).toBe('good');
  });

  test('an answer that claims to be huge takes no memory before its bytes are here', async () => {
    const before = process.memoryUsage().arrayBuffers;
    const { asking, hostile } = await ask((peer, to) => peer.say(to, `answer ${2 ** 32 - 1} 0`));
    const failed = expect(asking).rejects.toMatchObject({ code: 'PEER_DIED' });
    await until(() => hostile.words().some((word) => word.startsWith('fetch')));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
    const [said] = hostile.heard;
    hostile.say(said?.reply, 'unknown');
    await failed;
  });

  test('a responder goes on with honest questions, whatever others ask', async () => {
    const endpoint = ground.endpoint();
    const subject = endpoint.slice('nats:'.length);
    const warnings: unknown[] = [];
    const note = (warning: unknown): void => void warnings.push(warning);
    process.on('warning', note);
    const responder = await ground.responder(endpoint, {
      maxUnderWay: 2,
      maxBorrowedBytes: 100_000,
    });
    const serving = (async () => {
      for await (using question of responder) await question.respond(question.bytes);
    })();
    serving.catch(() => undefined);
    const hostile = await peer();
    const questions: readonly (readonly [string | undefined, Uint8Array])[] = [
      [undefined, message(1, 100)],
      ['question', NOTHING],
      ['question 1 2', NOTHING],
      ['question 1 1 4294967296', NOTHING],
      [`question 1 ${2 ** 49} 0`, NOTHING],
      ['question 1 10 0', message(1, 11)],
      ['question 2 10 0', message(1, 10)],
      ['taken', NOTHING],
      ['done', NOTHING],
    ];
    // The responder has two places: while they are being filled again the servers say that nobody takes one.
    const insist = async (
      sought: string,
      words: string | undefined,
      bytes: Uint8Array = NOTHING,
    ): Promise<void> => {
      const heard = (): boolean => hostile.words().some((word) => word.startsWith(sought));
      while (!heard()) {
        hostile.say(`${subject}._questions`, words, bytes);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    for (const [words, bytes] of questions) {
      for (let time = 0; time < 5; time++) {
        hostile.say(`${subject}._questions`, words, bytes);
        await hostile.flush();
      }
    }
    await insist('version 1', 'question 2 10 0', message(1, 10));
    // A question whose pieces do not fit, and one that is huge and does not come, which takes all room for a while.
    await insist('fetch 0 5000', 'question 1 5000 0');
    const [taken] = hostile.heard.filter((said) => said.headers?.get('Pageferry') === 'taken');
    hostile.say(taken?.reply, 'piece 0', message(1, 5001));
    await until(() => hostile.words().includes('unknown'));
    await insist('fetch 0 1', `question 1 ${2 ** 32 - 1} 0`);
    const requester = await ground.requester(endpoint);
    for (let number = 0; number < 20; number++) {
      using answer = await requester.request(message(number, 1000 * number));
      expect(answer.copy().equals(message(number, 1000 * number))).toBe(true);
    }
    await responder.destroy();
    await expect(serving).rejects.toMatchObject({ code: 'CLOSED' });
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });
});
