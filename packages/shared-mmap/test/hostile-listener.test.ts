import {
  ControlMemory,
  Doorbell,
  Endpoint,
  establishChannel,
  Listener,
  PLAIN_RECEIVER,
  PLAIN_SENDER,
} from '@pageferry/connection';
import { isPageferryError } from '@pageferry/core';
import { EMFILE, type OwnedFd, UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { sharedMmap } from '@pageferry/shared-mmap';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { payloadMemory } from './support/hostile-peer.js';
import { callsWith } from './support/stage.js';

const calls = loadLinuxCalls();
const { fresh } = temporaryFolder();
const CAPACITY = 1024;

/** What a listener passes with its welcome; the test owns all of it. */
type Passed = readonly OwnedFd[];

/** What an honest listener passes, to be spoiled. */
function honest(): { control: OwnedFd; bells: [OwnedFd, OwnedFd]; payload: OwnedFd } {
  const { fromListener, toListener, fd } = ControlMemory.createPair(calls, CAPACITY);
  fromListener.close();
  toListener.close();
  const bells: [OwnedFd, OwnedFd] = [Doorbell.create(calls).fd, Doorbell.create(calls).fd];
  return { control: fd, bells, payload: payloadMemory(calls) };
}

/** Connects to a listener that passes what a test likes. Answers with the code of the error. */
async function connectTo(passed: Passed): Promise<string> {
  const endpoint = fresh();
  const bound = await Endpoint.bind(calls, endpoint);
  const listener = new Listener(calls, bound, {
    mechanism: 'shared-mmap-channel',
    hasRoom: () => true,
    admit: (socket, welcome) => {
      welcome(passed, [0]);
      socket.close();
    },
  });
  try {
    const channel = await sharedMmap.connect({ endpoint, timeout: 20_000 });
    await channel.destroy();
    return 'connected';
  } catch (error) {
    return isPageferryError(error) ? error.code : String(error);
  } finally {
    listener.close();
    bound.close();
    for (const descriptor of passed) descriptor.close();
  }
}

describe('a listener that lies', () => {
  expectNothingLeft();

  test('is believed where it does not: this is what the lies below are made from', async () => {
    const { control, bells, payload } = honest();
    expect(await connectTo([control, ...bells, payload])).toBe('connected');
  });

  test('passes too few descriptors, or too many', async () => {
    const few = honest();
    few.payload.close();
    expect(await connectTo([few.control, ...few.bells])).toBe('PEER_MISBEHAVED');
    const many = honest();
    const all = [many.control, ...many.bells, many.payload, payloadMemory(calls)];
    expect(await connectTo(all)).toBe('PEER_MISBEHAVED');
    expect(await connectTo([])).toBe('PEER_MISBEHAVED');
  });

  test('passes payload memory that it could truncate', async () => {
    const { control, bells, payload } = honest();
    payload.close();
    expect(await connectTo([control, ...bells, payloadMemory(calls, 0)])).toBe('PEER_MISBEHAVED');
  });

  test('passes control memory for one direction', async () => {
    const { control, bells, payload } = honest();
    control.close();
    const { memory, fd } = ControlMemory.create(calls, CAPACITY);
    memory.close();
    expect(await connectTo([fd, ...bells, payload])).toBe('PEER_MISBEHAVED');
  });

  test.each([
    { word: 0, value: 1, what: 'no magic' },
    { word: 1, value: 99, what: 'another version' },
    { word: 2, value: 512, what: 'another capacity' },
    { word: 3, value: 512, what: 'another page size' },
    { word: 4, value: 7, what: 'no place to park' },
  ])('passes a second part with $what', async ({ word, value }) => {
    const { fromListener, toListener, fd } = ControlMemory.createPair(calls, CAPACITY);
    toListener.words[word] = value;
    fromListener.close();
    toListener.close();
    const { control, bells, payload } = honest();
    control.close();
    expect(await connectTo([fd, ...bells, payload])).toBe('PEER_MISBEHAVED');
  });

  test('passes something else for a bell', async () => {
    const { control, bells, payload } = honest();
    bells[1].close();
    expect(await connectTo([control, bells[0], payloadMemory(calls), payload])).toBe(
      'PEER_MISBEHAVED',
    );
  });

  test('or cannot set a channel up gives everything back', () => {
    const terms = { outgoing: PLAIN_SENDER, incoming: PLAIN_RECEIVER };
    let bells = 0;
    const eventfd: typeof calls.eventfd = (...words) =>
      ++bells > 1 ? -EMFILE : calls.eventfd(...words);
    using socket = UnixSocket.create(calls);
    expect(() => establishChannel(callsWith({ eventfd }), socket, 8, terms)).toThrow(
      expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', errnoName: 'EMFILE' }),
    );
  });
});
