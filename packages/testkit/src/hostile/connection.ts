import type { LinuxCalls } from '@pageferry/linux';
import { helloBytes, readHello } from './hello.js';
import { KIND, PART_WORDS } from './layout.js';
import { controlMemory, type MappedMemory, mapWords, payloadMemory, ringMemory } from './memory.js';
import { nameOf, type Role } from './peer.js';
import type { RawSocket } from './raw-socket.js';

/** Bytes of the payload memory that peers of this kit pass. */
export const PAYLOAD_BYTES: number = 256 * 1024;

/** What two processes share over shared memory or pipes, as numbers and words. */
export interface RawConnection {
  readonly socket: RawSocket;
  /** Everything that is to be closed in the end. */
  readonly descriptors: readonly number[];
  /** All of the control memory: one part, or the two of a channel. */
  readonly control: Int32Array<ArrayBuffer>;
  /** The part of what the other side sends. */
  readonly incoming: Int32Array | undefined;
  /** The part of what this side sends. */
  readonly outgoing: Int32Array | undefined;
  readonly theirBell: number;
  readonly ownBell: number;
  /** The ring: to be written by who has opened it. */
  readonly ring: Int32Array<ArrayBuffer> | undefined;
  /** The memory that this side has passed for payload. */
  readonly ownPayload: number | undefined;
  readonly readEnd: number | undefined;
  readonly writeEnd: number | undefined;
}

/** How a welcome, or the descriptors with a hello, differ from honest ones. */
export interface Lies {
  /** Descriptors in place of the honest ones, by their places. They stay the caller's. */
  readonly instead?: Readonly<Record<number, number>>;
  /** Pass only so many. */
  readonly only?: number;
  /** Pass these as well. They stay the caller's. */
  readonly extra?: readonly number[];
  /** What the parameters are. */
  readonly parameters?: readonly number[];
  /** Seals of the memory for payload. */
  readonly payloadSeals?: number;
  /** Seals of the control memory. */
  readonly controlSeals?: number;
}

/** Which numbers are passed, all lies told. */
function passedOf(honest: readonly number[], { instead = {}, only, extra = [] }: Lies): number[] {
  const numbers = honest.map((fd, place) => instead[place] ?? fd);
  return [...numbers.slice(0, only ?? numbers.length), ...extra];
}

/** How many descriptors come with a welcome. */
function descriptorsOf({ mechanism, isChannel, policy }: Role): number {
  const hasMore = mechanism === 'vmsplice' ? isChannel : !isChannel && policy === 0;
  return hasMore ? 5 : 4;
}

/** Parameters of an honest hello. */
export function helloParameters({ mechanism, isChannel, policy }: Role): readonly number[] {
  return mechanism === 'shared-mmap' && !isChannel ? [policy, 64] : [];
}

/**
 * Says hello on a socket that is connected, and waits for the welcome.
 *
 * @returns `undefined` if there is none within `timeout` milliseconds, or what came is none.
 */
export function comeIn(
  calls: LinuxCalls,
  socket: RawSocket,
  role: Role,
  timeout: number,
  lies: Lies = {},
): RawConnection | undefined {
  const { mechanism, isChannel, policy } = role;
  const sharesMemory = mechanism === 'shared-mmap';
  const own =
    sharesMemory && isChannel ? payloadMemory(calls, PAYLOAD_BYTES, lies.payloadSeals) : undefined;
  const { parameters = helloParameters(role) } = lies;
  const hello = helloBytes({ kind: KIND.hello, mechanism: nameOf(role), parameters });
  socket.send(hello, passedOf(own === undefined ? [] : [own], lies));
  const answer = socket.receive(timeout);
  const isAnswered = answer !== undefined && answer !== 'end';
  const received = isAnswered ? answer.descriptors : [];
  const descriptors = own === undefined ? received : [...received, own];
  const count = descriptorsOf(role);
  const isWelcome = isAnswered && readHello(answer.bytes)?.kind === KIND.welcome;
  const parts = isChannel ? 2 : 1;
  const control =
    isWelcome && received.length === count
      ? mapWords(calls, received[0] ?? -1, parts * PART_WORDS * 4, true)
      : undefined;
  if (control === undefined) {
    for (const fd of descriptors) calls.close(fd);
    return undefined;
  }
  const hasRing = sharesMemory && !isChannel && policy === 0;
  const usesPipe = mechanism === 'vmsplice';
  return {
    socket,
    descriptors,
    control,
    incoming: control.subarray(0, PART_WORDS),
    outgoing: isChannel ? control.subarray(PART_WORDS) : undefined,
    theirBell: received[1] ?? -1,
    ownBell: received[2] ?? -1,
    ring: hasRing ? mapWords(calls, received[4] ?? -1, (1024 + 1024 * 8) * 4, false) : undefined,
    ownPayload: own,
    readEnd: usesPipe ? received[3] : undefined,
    writeEnd: usesPipe ? received[4] : undefined,
  };
}

/** Makes what an honest sender or listener passes, welcomes whoever has said hello with it, lies included. */
export function letIn(
  calls: LinuxCalls,
  socket: RawSocket,
  role: Role,
  lies: Lies = {},
): RawConnection {
  const { mechanism, isChannel, policy } = role;
  const sharesMemory = mechanism === 'shared-mmap';
  const memory = controlMemory(calls, isChannel ? 2 : 1, lies.controlSeals);
  const [theirBell, ownBell] = [calls.eventfd(0, 0o4000), calls.eventfd(0, 0o4000)];
  const payload = sharesMemory ? payloadMemory(calls, PAYLOAD_BYTES, lies.payloadSeals) : undefined;
  const ring = sharesMemory && !isChannel && policy === 0 ? ringMemory(calls) : undefined;
  const pipes = sharesMemory ? undefined : openPipes(calls, isChannel);
  const own = [memory.fd, ownBell, theirBell];
  const honest = [...own, ...(pipes?.passed ?? []), ...[payload, ring?.fd].filter(isNumber)];
  const descriptors = [...honest, ...(pipes?.kept ?? [])];
  const { parameters = [] } = lies;
  const welcome = helloBytes({ kind: KIND.welcome, mechanism: nameOf(role), parameters });
  socket.send(welcome, passedOf(honest, lies));
  return {
    socket,
    descriptors,
    ...partsOf(memory, isChannel),
    theirBell,
    ownBell,
    ring: ring?.words,
    ownPayload: payload,
    readEnd: pipes?.readEnd,
    writeEnd: pipes?.writeEnd,
  };
}

function partsOf(
  { words }: MappedMemory,
  isChannel: boolean,
): Pick<RawConnection, 'control' | 'incoming' | 'outgoing'> {
  return {
    control: words,
    outgoing: words.subarray(0, PART_WORDS),
    incoming: isChannel ? words.subarray(PART_WORDS) : undefined,
  };
}

interface Pipes {
  /** Go with the welcome: the read end, and in a channel the write end of the other pipe. */
  readonly passed: readonly number[];
  readonly kept: readonly number[];
  readonly writeEnd: number;
  readonly readEnd: number | undefined;
}

function openPipes(calls: LinuxCalls, isChannel: boolean): Pipes {
  const [there, writeEnd] = openPipe(calls);
  if (!isChannel) return { passed: [there], kept: [writeEnd], writeEnd, readEnd: undefined };
  const [readEnd, theirs] = openPipe(calls);
  return { passed: [there, theirs], kept: [writeEnd, readEnd], writeEnd, readEnd };
}

function openPipe(calls: LinuxCalls): [number, number] {
  const ends = new Int32Array(2);
  calls.pipe2(ends, 0o4000);
  return [ends[0] as number, ends[1] as number];
}

function isNumber(value: number | undefined): value is number {
  return value !== undefined;
}

/** Gives all of a connection back, and hangs up. */
export function closeConnection(calls: LinuxCalls, connection: RawConnection): void {
  const { socket, descriptors, control, ring } = connection;
  calls.munmap(control.buffer);
  if (ring !== undefined) calls.munmap(ring.buffer);
  for (const fd of descriptors) calls.close(fd);
  socket.close();
}
