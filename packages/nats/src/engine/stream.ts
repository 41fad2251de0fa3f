import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { nanos, nuid } from '@nats-io/transport-node';
import { clock, PageferryError, pauseFor } from '@pageferry/core';
import type { SenderSettings } from '../options.js';
import type { Engine } from './engine.js';
import { API_ERROR, apiCode, engineError, isNotFound } from './errors.js';
import { KEEPS, keepLast } from './keeper.js';
import { closedSubject, presenceSubject, SENDER_CONSUMER, STREAM_PREFIX } from './names.js';
import { describeMark, type TakenOver, takeOver } from './take-over.js';

/** Version of what is in a stream. */
const VERSION = 1;

/** What the description of a stream begins with. */
const SIGNATURE = 'Pageferry';

/** How long a stream may be without its sender's consumer while that is being made, in milliseconds. */
const BEGINNING = 1000;
const PAUSE = 50;

/** A stream that a sender has, and the inbox of the consumer that shows that it is there. */
export interface OwnStream {
  readonly stream: string;
  readonly inbox: string;
  /** What it has taken over; `undefined` if it has made the stream. */
  readonly from?: TakenOver;
}

/** Whether the sender of a stream is there: `gone` if it was, `unbound` if the servers do not reach it now. */
export type SenderPresence = 'present' | 'unbound' | 'gone';

/**
 * Makes the stream of a sender, and shows that the sender is there. That no two streams have one subject is the engine's
 * law, and makes the endpoint its sender's alone. What a dead sender has left behind is taken over, or removed.
 *
 * @throws `ENDPOINT_IN_USE`, and what {@link engineError} makes of the servers' errors.
 */
export async function makeStream(
  engine: Engine,
  settings: SenderSettings,
  patience: number,
): Promise<OwnStream> {
  const { subject, endpoint, takeOver: source } = settings;
  let orphan: { readonly name: string; readonly since: number } | undefined;
  for (;;) {
    const name = `${STREAM_PREFIX}${nuid.next()}`;
    try {
      await addStream(engine.api, name, settings);
      const description =
        source === undefined ? undefined : describeMark(source, undefined, engine.pieceBytes);
      const inbox = await showPresence(engine, name, subject, patience, description);
      await removeDrained(engine.api, subject);
      return { stream: name, inbox };
    } catch (error) {
      if (apiCode(error) !== API_ERROR.subjectOverlap) throw engineError(error);
    }
    const found = await findStream(engine.api, subject);
    if (found === undefined) continue;
    if (!found.startsWith(STREAM_PREFIX)) {
      const words = `the stream ${found} of the NATS servers has this subject`;
      throw new PageferryError('ENDPOINT_IN_USE', `${endpoint}: ${words}`);
    }
    const presence = await presenceOf(engine.api, found);
    if (presence === 'present') {
      throw new PageferryError('ENDPOINT_IN_USE', `a live sender has ${endpoint}`);
    }
    const from = source === undefined ? undefined : await takeOver(engine, found, settings);
    if (from !== undefined) return { stream: found, inbox: from.inbox, from };
    // It may be about to say that it is there, or come back.
    if (orphan?.name !== found) orphan = { name: found, since: clock.now() };
    const limit = presence === 'gone' ? Math.min(patience, BEGINNING) : patience + BEGINNING;
    if (clock.now() - orphan.since > limit) {
      await removeStream(engine.api, found);
      continue;
    }
    await pauseFor(PAUSE);
  }
}

/**
 * Shows that a sender is there: by a consumer that the engine removes when it does not reach its owner any more.
 *
 * @param description what it tells whoever takes the stream over; then it also keeps the last piece there.
 * @returns where the consumer delivers to.
 */
export async function showPresence(
  engine: Engine,
  stream: string,
  subject: string,
  patience: number,
  description?: string,
): Promise<string> {
  const inbox = engine.createInbox();
  engine.subscribe(inbox, description === undefined ? () => undefined : keepLast(engine));
  await engine.flush();
  const { config } = await engine.api.streams.info(stream);
  await engine.api.consumers.add(stream, {
    ...consumerNamed(SENDER_CONSUMER, config.num_replicas),
    deliver_subject: inbox,
    deliver_policy: DeliverPolicy.New,
    inactive_threshold: nanos(patience),
    ...(description === undefined
      ? { filter_subject: presenceSubject(subject), ack_policy: AckPolicy.None }
      : { ...KEEPS, description }),
  });
  return inbox;
}

/** Whether the consumer that shows that a sender is there delivers to another one, who has taken the stream over. */
export async function isTakenOver({ api }: Engine, { stream, inbox }: OwnStream): Promise<boolean> {
  const { config } = await api.consumers.info(stream, SENDER_CONSUMER);
  return config.deliver_subject !== inbox;
}

/**
 * Name and replicas of a consumer. On one server it is ephemeral. Where several keep it, it is not: version 2.9.10 of the
 * server removes an ephemeral one although it is in use, `inactive_threshold` after one of the servers was started again.
 */
export function consumerNamed(name: string, replicas: number): Partial<ConsumerConfig> {
  return replicas === 1 ? { name } : { durable_name: name, num_replicas: replicas };
}

/** The stream that has a subject; `undefined` if there is none. */
export async function findStream(
  api: JetStreamManager,
  subject: string,
): Promise<string | undefined> {
  for await (const name of api.streams.names(subject)) return name;
  return undefined;
}

/**
 * Whether the sender of a stream is there.
 *
 * @throws what the API does, unless it says that there is none.
 */
export async function presenceOf(api: JetStreamManager, stream: string): Promise<SenderPresence> {
  try {
    const { push_bound: isBound } = await api.consumers.info(stream, SENDER_CONSUMER);
    return isBound ? 'present' : 'unbound';
  } catch (error) {
    if (isNotFound(error)) return 'gone';
    throw error;
  }
}

/**
 * Checks that a stream is one that this version can read.
 *
 * @throws `NOT_PAGEFERRY`, `VERSION_MISMATCH`.
 */
export async function checkStream(
  api: JetStreamManager,
  stream: string,
  endpoint: string,
): Promise<void> {
  const { config } = await api.streams.info(stream);
  const [signature, version] = (config.description ?? '').split(' ');
  if (!stream.startsWith(STREAM_PREFIX) || signature !== SIGNATURE) {
    throw new PageferryError(
      'NOT_PAGEFERRY',
      `the stream ${stream} of the NATS servers has the subject of ${endpoint}, and is not Pageferry's`,
    );
  }
  if (version === `${VERSION}`) return;
  const words = `the sender at ${endpoint} speaks version ${version}, this receiver ${VERSION}`;
  throw new PageferryError('VERSION_MISMATCH', words);
}

/**
 * Gives the endpoint up. Receivers that are there drain what is stored; without any, the stream is removed.
 */
export async function leaveStream(
  api: JetStreamManager,
  stream: string,
  subject: string,
): Promise<void> {
  try {
    const isAlone = (await countReceivers(api, stream)) === 0;
    if (!isAlone) {
      await api.streams.update(stream, { subjects: [closedSubject(subject, stream)] });
      await api.consumers.delete(stream, SENDER_CONSUMER);
    }
    if (isAlone || (await countReceivers(api, stream)) === 0) await removeStream(api, stream);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Removes a stream that nobody needs any more. False if somebody does. */
export async function removeIfDrained(api: JetStreamManager, stream: string): Promise<boolean> {
  try {
    if ((await presenceOf(api, stream)) !== 'gone') return false;
    if ((await countReceivers(api, stream)) > 0) return false;
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
  await removeStream(api, stream);
  return true;
}

async function countReceivers(api: JetStreamManager, stream: string): Promise<number> {
  const { state } = await api.streams.info(stream);
  const presence = await presenceOf(api, stream);
  return state.consumer_count - (presence === 'gone' ? 0 : 1);
}

/** Removes a stream, if it is there. */
export async function removeStream(api: JetStreamManager, stream: string): Promise<void> {
  try {
    await api.streams.delete(stream);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Removes streams of earlier senders that nobody drains any more. */
async function removeDrained(api: JetStreamManager, subject: string): Promise<void> {
  for await (const name of api.streams.names(closedSubject(subject, '*'))) {
    await removeIfDrained(api, name);
  }
}

async function addStream(
  api: JetStreamManager,
  name: string,
  settings: SenderSettings,
): Promise<void> {
  const { subject, storage, replicas, streamBytes, maxReceivers, history } = settings;
  await api.streams.add({
    name,
    description: `${SIGNATURE} ${VERSION}`,
    subjects: [subject, presenceSubject(subject)],
    // With a history the sender itself removes what nobody needs any more.
    retention: history > 0 ? RetentionPolicy.Limits : RetentionPolicy.Interest,
    discard: DiscardPolicy.New,
    storage: storage === 'memory' ? StorageType.Memory : StorageType.File,
    num_replicas: replicas,
    max_bytes: streamBytes,
    max_consumers: maxReceivers + 1,
  });
}
