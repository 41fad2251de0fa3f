import { readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { decodeHello, encodeHello, HELLO_KIND } from '../../../packages/core/dist/index.js';
import {
  createPipe,
  createSealedMemory,
  type OwnedFd,
  POLLIN,
  UnixSocket,
  waitUntilReady,
} from '../../../packages/linux/dist/index.js';
import { loadLinuxCalls } from '../../../packages/linux-napi/dist/index.js';
import { sharedMmap } from '../../../packages/shared-mmap/dist/index.js';
import { temporaryFolder } from '../../../packages/testkit/dist/index.js';
import { vmspliceNapi as vmsplice } from '../../../packages/vmsplice-napi/dist/index.js';
import {
  COMPILING,
  compile,
  hasCompiler,
  hashOf,
  linesOf,
  nextLines,
  start,
  whySkipped,
} from './peer.js';

// docs/shared-memory-layout.vectors.json, read by Node and by C: what one of them takes for granted, the other does, too.

interface Piece {
  readonly at: number;
  readonly bytes: string;
}

interface Memory {
  readonly length: number;
  readonly bytes: readonly Piece[];
}

interface Queue {
  readonly says: string;
  readonly policy: 'wait' | 'drop-newest' | 'drop-oldest';
  readonly depth: number;
  readonly welcome: string;
  readonly control: Memory;
  readonly payload: Memory;
  readonly ring?: Memory;
  readonly messages: readonly {
    readonly number: number;
    readonly tag: number;
    readonly bytes: string;
  }[];
  readonly returned: readonly number[];
  readonly dropped?: number;
  readonly controlAfterwards: readonly Piece[];
}

interface Pipe {
  readonly says: string;
  readonly welcome: string;
  readonly control: Memory;
  readonly pipe: string;
  readonly messages: Queue['messages'];
  readonly controlAfterwards: readonly Piece[];
}

interface Handshake {
  readonly says: string;
  readonly bytes: string;
  readonly version: number;
  readonly kind: keyof typeof HELLO_KIND;
  readonly why: number;
  readonly mechanism: string;
  readonly parameters: readonly number[];
}

interface Vectors {
  readonly version: number;
  readonly handshakes: readonly Handshake[];
  readonly noHellos: readonly { readonly is: string; readonly bytes: string }[];
  readonly queues: readonly Queue[];
  readonly pipes: readonly Pipe[];
}

const file = new URL('../../../docs/shared-memory-layout.vectors.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors;
const calls = loadLinuxCalls();
const folder = temporaryFolder();
const fromHex = (bytes: string): Buffer => Buffer.from(bytes, 'hex');

describe('handshakes', () => {
  test.each(vectors.handshakes)('$says', (vector) => {
    const { version, kind, why, mechanism, parameters } = vector;
    const bytes = fromHex(vector.bytes);
    expect(version).toBe(vectors.version);
    expect(encodeHello(HELLO_KIND[kind], mechanism, why, parameters)).toEqual(bytes);
    const padded = [...parameters, ...new Array(16 - parameters.length).fill(0)];
    expect(decodeHello(bytes)).toEqual({
      version,
      kind: HELLO_KIND[kind],
      reason: why,
      mechanism,
      parameters: Uint32Array.from(padded),
    });
  });
});

/** Sends bytes to whoever listens, and returns the answer. */
async function answerTo(endpoint: string, hello: Uint8Array): Promise<Buffer | 'end'> {
  const socket = UnixSocket.create(calls);
  onTestFinished(() => socket.close());
  expect(calls.connectUnix(socket.fd, endpoint)).toBe(0);
  expect(socket.send(hello)).toBe(true);
  await waitUntilReady(calls, socket.fd, POLLIN, 0);
  const answer = socket.receive(256);
  if (answer === 'end') return answer;
  for (const descriptor of answer?.descriptors ?? []) descriptor.close();
  return Buffer.from(answer?.bytes ?? []);
}

/** Memory with those bytes. */
function make({ length, bytes }: Memory): OwnedFd {
  const memory = createSealedMemory(calls, 'vector', length);
  onTestFinished(() => memory.close());
  for (const piece of bytes) {
    const written = fromHex(piece.bytes);
    writeSync(memory.fd, written, 0, written.length, piece.at);
  }
  return memory;
}

const memoriesOf = (queue: Queue): readonly OwnedFd[] =>
  [queue.payload, queue.ring].flatMap((memory) => memory ?? []).map(make);

/** The read end of a pipe with all that a vector has in it. */
function pipeOf({ pipe }: Pipe): readonly OwnedFd[] {
  const { readEnd, writeEnd } = createPipe(calls);
  onTestFinished(() => {
    readEnd.close();
    writeEnd.close();
  });
  const bytes = fromHex(pipe);
  expect(writeSync(writeEnd.fd, bytes)).toBe(bytes.length);
  return [readEnd];
}

/** Plays the sender of a queue or a pipe: welcomes one receiver. */
async function play(queue: Queue | Pipe, endpoint: string, memories: readonly OwnedFd[]) {
  const listener = UnixSocket.create(calls);
  expect(calls.bindUnix(listener.fd, endpoint)).toBe(0);
  expect(calls.listen(listener.fd, 4)).toBe(0);
  const control = make(queue.control);
  const bells = [calls.eventfd(0, 0), calls.eventfd(0, 0)].map((fd) => ({ fd }));
  const welcomed = waitUntilReady(calls, listener.fd, POLLIN, 0).then(async () => {
    const socket = listener.accept();
    if (socket === undefined) throw new Error('nobody is there');
    onTestFinished(() => socket.close());
    await waitUntilReady(calls, socket.fd, POLLIN, 0);
    socket.receive(256);
    expect(socket.send(fromHex(queue.welcome), [control, ...bells, ...memories])).toBe(true);
  });
  onTestFinished(() => {
    listener.close();
    for (const { fd } of bells) calls.close(fd);
  });
  return {
    welcomed,
    expectAfterwards() {
      for (const { at, bytes } of queue.controlAfterwards) {
        const found = Buffer.alloc(bytes.length / 2);
        readSync(control.fd, found, 0, found.length, at);
        expect([at, found.toString('hex')]).toEqual([at, bytes]);
      }
    },
  };
}

describe('in Node', () => {
  test.each(vectors.queues)('$says', async (queue) => {
    const endpoint = folder.fresh();
    const sender = await play(queue, endpoint, memoriesOf(queue));
    const receiver = await sharedMmap.createReceiver({
      endpoint,
      whenBehind: queue.policy,
      ...(queue.depth > 0 && { queueDepth: queue.depth }),
    });
    await sender.welcomed;
    const held = [];
    for (const { number, tag, bytes } of queue.messages) {
      const message = await receiver.receive();
      if (message === undefined) throw new Error('the end');
      expect([message.sequence, message.tag]).toEqual([number, tag]);
      expect(Buffer.from(message.bytes).toString('hex')).toBe(bytes);
      held.push(message);
    }
    for (const index of queue.returned) held[index]?.release();
    expect(await receiver.receive()).toBeUndefined();
    // What the numbers leave out counts from the first one that can come.
    if (queue.dropped !== undefined) expect(receiver.stats().messagesDropped).toBe(queue.dropped);
    await receiver.close();
    sender.expectAfterwards();
  });

  test.each(vectors.pipes)('$says', async (pipe) => {
    const endpoint = folder.fresh();
    const sender = await play(pipe, endpoint, pipeOf(pipe));
    await using receiver = await vmsplice.createReceiver({ endpoint });
    await sender.welcomed;
    for (const { number, tag, bytes } of pipe.messages) {
      using message = await receiver.receive();
      // A receiver of the pipe transport knows the lower half of the first number.
      expect([message?.sequence, message?.tag]).toEqual([number, tag]);
      expect(Buffer.from(message?.bytes ?? []).toString('hex')).toBe(bytes);
    }
    expect(await receiver.receive()).toBeUndefined();
    sender.expectAfterwards();
  });

  test.each(vectors.noHellos)('what is $is is no hello', async ({ bytes }) => {
    const endpoint = folder.fresh();
    await using _sender = await sharedMmap.createSender({ endpoint });
    expect(await answerTo(endpoint, fromHex(bytes))).toBe('end');
  });
});

describe.skipIf(!hasCompiler)(`in C${whySkipped}`, () => {
  const peer = join(folder.path, 'peer');

  beforeAll(() => compile('peer', peer), COMPILING);

  test.each(vectors.queues)('$says', async (queue) => {
    const endpoint = folder.fresh();
    const sender = await play(queue, endpoint, memoriesOf(queue));
    const policy = ['wait', 'drop-newest', 'drop-oldest'].indexOf(queue.policy);
    // The peer holds so many, and then returns the newest first.
    const hold = queue.returned[0] ?? 0;
    const args = ['receive', endpoint, policy, queue.depth, hold].map(String);
    const lines = linesOf(start(peer, args));
    await sender.welcomed;
    expect(await lines).toEqual([
      ...queue.messages.map(({ number, tag, bytes }) => {
        const length = bytes.length / 2;
        return `${number} ${length} ${tag} ${hashOf(fromHex(bytes))}`;
      }),
      `dropped ${queue.dropped ?? 0}`,
      'end',
    ]);
    sender.expectAfterwards();
  });

  test.each(vectors.pipes)('$says', async (pipe) => {
    const endpoint = folder.fresh();
    const sender = await play(pipe, endpoint, pipeOf(pipe));
    const lines = linesOf(start(peer, ['drain', endpoint, '100', 'read']));
    await sender.welcomed;
    expect(await lines).toEqual([
      ...pipe.messages.map(({ number, tag, bytes }) => {
        return `${number} ${bytes.length / 2} ${tag} ${hashOf(fromHex(bytes))}`;
      }),
      'end',
    ]);
    sender.expectAfterwards();
  });

  test('a sender answers hellos as Node does', async () => {
    const [node, inC] = [folder.fresh(), folder.fresh()];
    await using _sender = await sharedMmap.createSender({ endpoint: node });
    const next = nextLines(start(peer, ['send', inC, '0', '0', '0', '0', 'close']));
    expect(await next()).toBe('open');
    const hellos = vectors.handshakes.filter(({ kind }) => kind === 'hello');
    const unknownPolicy = encodeHello(HELLO_KIND.hello, 'shared-mmap', 0, [3]);
    for (const hello of [
      ...hellos.map(({ bytes }) => fromHex(bytes)),
      ...vectors.noHellos.map(({ bytes }) => fromHex(bytes)),
      unknownPolicy,
    ]) {
      const answers = await Promise.all([answerTo(node, hello), answerTo(inC, hello)]);
      // Parameters that are missing count as 0.
      const [one, other] = answers.map((answer) =>
        answer === 'end' ? answer : decodeHello(answer),
      );
      expect(other).toEqual(one);
      expect(one).toBeDefined();
    }
  });
});
