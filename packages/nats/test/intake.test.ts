import { JetStreamApiError } from '@nats-io/jetstream';
import { headers, type Msg } from '@nats-io/transport-node';
import { expect, test } from 'vitest';
import type { Engine } from '../dist/engine/engine.js';
import type { InboundMessage } from '../dist/receiving/inbound-message.js';
import { Inbox } from '../dist/receiving/inbox.js';
import { Intake } from '../dist/receiving/intake.js';

const STREAM = 'stream';
const CONSUMER = 'receiver';
const NOT_FOUND = { code: 404, err_code: 10014, description: 'consumer not found' };

/** Servers that say how far a consumer is, and note what they are told. */
class Servers {
  readonly told: { readonly number: number; readonly sequence: number; readonly word: string }[] =
    [];
  delivered = { stream_seq: 0, consumer_seq: 0 };
  hasNoConsumers = false;
  lastSequence = 100;
  #onChange = (): void => undefined;

  readonly engine = {
    connected: true,
    closed: false,
    onChange: (listener: () => void) => {
      this.#onChange = listener;
    },
    subscribe: () => undefined,
    giveBack: () => undefined,
    publish: (subject: string, bytes: Uint8Array) => {
      const [number, sequence] = subject.split('.').slice(5).map(Number);
      this.told.push({ number: number as number, sequence: sequence as number, word: `${bytes}` });
    },
    api: {
      consumers: {
        info: async (_stream: string, name: string) => {
          if (this.hasNoConsumers) throw new JetStreamApiError(NOT_FOUND);
          return name === CONSUMER
            ? {
                ack_floor: { stream_seq: 0, consumer_seq: 0 },
                num_ack_pending: 0,
                delivered: this.delivered,
              }
            : { push_bound: true };
        },
      },
      streams: {
        getMessage: async () => null,
        info: async () => ({ state: { last_seq: this.lastSequence } }),
      },
    },
  } as unknown as Engine;

  async reconnect(): Promise<void> {
    this.#onChange();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A piece as the servers send it: its number in the stream, how many this consumer was sent with it, and what it says. */
function piece(number: number, sequence: number, words = `part ${number} 0 1 0`): Msg {
  const own = headers();
  own.set('Pageferry', words);
  return {
    data: Uint8Array.of(1),
    headers: own,
    reply: `$JS.ACK.${STREAM}.${CONSUMER}.1.${number}.${sequence}.1.0`,
  } as unknown as Msg;
}

/** An intake that begins with number 1, and what it tells. */
function open(servers: Servers, hasBegun = true) {
  const [arrived, missing]: [number[], number[]] = [[], []];
  const { engine } = servers;
  const intake = new Intake(
    { engine, stream: STREAM, consumer: CONSUMER, patience: 1000, heartbeat: 500 },
    {
      onPiece: ({ number }) => arrived.push(number),
      onForeign: () => undefined,
      onMissing: (number) => missing.push(number),
      onChange: () => undefined,
    },
  );
  if (hasBegun) intake.begin(0);
  return { intake, arrived, missing };
}

test('what is missing is asked for by numbers that a server knows which has forgotten how far it was', async () => {
  const servers = new Servers();
  const { intake, arrived } = open(servers);
  for (let number = 1; number <= 10; number++) intake.take(piece(number, 1000 + number));
  expect(arrived).toHaveLength(10);
  // It counts on from less, and takes no number above its own.
  servers.delivered = { stream_seq: 13, consumer_seq: 3 };
  servers.told.length = 0;
  await servers.reconnect();
  intake.take(piece(12, 2));
  intake.take(piece(13, 3));
  const asked = servers.told.filter(({ number }) => number === 11);
  expect(asked.length).toBeGreaterThan(0);
  expect(servers.told.filter(({ sequence }) => sequence > 3)).toEqual([]);
  intake.take(piece(11, 4));
  expect(arrived).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  intake.stop();
});

test('what the servers do not have any more is told, and not asked for for ever', async () => {
  const servers = new Servers();
  const { intake, missing } = open(servers);
  intake.take(piece(1, 1));
  intake.take(piece(3, 3));
  await expect.poll(() => missing, { timeout: 10_000 }).toContain(2);
  intake.stop();
});

function openInbox({ engine }: Servers, whenBehind: 'wait' | 'drop-oldest'): Inbox {
  const inbox = new Inbox({
    engine,
    stream: STREAM,
    consumer: CONSUMER,
    patience: 1000,
    heartbeat: 500,
    whenBehind,
    queueDepth: 1,
    keptBytes: 1000,
    sender: 'the sender',
    onChange: () => undefined,
  });
  inbox.intake.begin(0);
  return inbox;
}

test('a message of which a piece is missing is none that waits, for a receiver that drops', async () => {
  const inbox = openInbox(new Servers(), 'drop-oldest');
  const { intake } = inbox;
  // Of three pieces the second is not there any more.
  intake.take(piece(1, 1, 'part 0 0 3 0'));
  intake.take(piece(3, 3, 'part 0 2 3 0'));
  await expect.poll(() => inbox.messagesDropped, { timeout: 10_000 }).toBe(1);
  expect(inbox.next()).toBeUndefined();
  // And of the next one the same, with nothing else here.
  intake.take(piece(4, 4, 'part 1 0 3 0'));
  intake.take(piece(6, 6, 'part 1 2 3 0'));
  await expect.poll(() => inbox.messagesDropped, { timeout: 10_000 }).toBe(2);
  intake.take(piece(7, 7, 'part 2 0 1 9'));
  expect(inbox.messagesDropped).toBe(2);
  const message = inbox.next() as InboundMessage;
  expect(message).toMatchObject({ sequence: 2, tag: 9 });
  expect(inbox.gather(message)).toBe(true);
  inbox.stop();
});

test('what stands for a piece that nobody needs any more is acknowledged, and no message', () => {
  for (const whenBehind of ['wait', 'drop-oldest'] as const) {
    const servers = new Servers();
    const inbox = openInbox(servers, whenBehind);
    const { intake } = inbox;
    intake.take(piece(1, 1, 'gone'));
    intake.take(piece(2, 2, 'gone'));
    intake.take(piece(3, 3, 'part 7 0 1 9'));
    const message = inbox.next() as InboundMessage;
    expect(message).toMatchObject({ sequence: 7, tag: 9 });
    expect(inbox.gather(message)).toBe(true);
    expect(servers.told.map(({ number, word }) => [number, word])).toEqual([
      [1, '+ACK'],
      [2, '+ACK'],
    ]);
    inbox.stop();
  }
});

test('where it stands for the rest of a message, one that drops has missed that', () => {
  const inbox = openInbox(new Servers(), 'drop-oldest');
  const { intake } = inbox;
  intake.take(piece(1, 1, 'part 0 0 3 0'));
  intake.take(piece(2, 2, 'gone'));
  expect(inbox.messagesDropped).toBe(1);
  expect(inbox.next()).toBeUndefined();
  intake.take(piece(3, 3, 'part 1 0 1 9'));
  expect(inbox.next()).toMatchObject({ sequence: 1, tag: 9 });
  inbox.stop();
});

test('as long as its consumer is being made, nobody takes its sender for gone', async () => {
  const servers = new Servers();
  servers.hasNoConsumers = true;
  servers.lastSequence = 0;
  const { intake } = open(servers, false);
  for (let count = 0; count < 3; count++) await intake.check();
  expect(intake.isOver).toBe(false);
  servers.hasNoConsumers = false;
  intake.begin(0);
  intake.take(piece(1, 1));
  expect(intake.next).toBe(2);
  expect(intake.isOver).toBe(false);
  intake.stop();
});
