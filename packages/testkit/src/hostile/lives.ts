import type { LinuxCalls } from '@pageferry/linux';
import { helloParameters, type Lies } from './connection.js';
import { FALSE_DESCRIPTORS } from './false-descriptors.js';
import { helloBytes, readHello } from './hello.js';
import { KIND } from './layout.js';
import { comeAsPeer, letInAsPeer } from './meet.js';
import { nameOf, type RawPeer, type Role, SCOPES, type Scope } from './peer.js';
import { anyWord, type Choices } from './random.js';
import { RawSocket, type Received } from './raw-socket.js';

/** What one life of a hostile peer is about. */
export const ACTS = [
  // In the handshake.
  'silent',
  'gone',
  'garbage',
  'half',
  'version',
  'mechanism',
  'no',
  'parameters',
  'descriptors',
  'crowd',
  // After it.
  'words',
  'lies',
  'toggle',
  'records',
  'bells',
  'block',
  'truncate',
  'questions',
] as const;

/** One of {@link ACTS}. */
export type Act = (typeof ACTS)[number];

/** Acts of which each is worth this many others: they make the changes. */
const OFTEN: readonly Act[] = ['words', 'words', 'words', 'words', 'toggle', 'lies', 'lies'];

/** What has come of a life. */
export interface Life {
  readonly act: Act;
  /** Whether it has come to a welcome. */
  readonly isConnected: boolean;
  /** How many words or frames it has changed while the other side had not given it up. */
  readonly changes: number;
  /** Whether the other side has given it up. */
  readonly isGivenUp: boolean;
}

/** What a hostile peer needs to live. */
export interface Surroundings {
  readonly calls: LinuxCalls;
  /** Where the other side listens; or, for one that opens, what it listens on. */
  readonly at: string | RawSocket;
  readonly role: Role;
  readonly choices: Choices;
  /** At most so many changes in one life. */
  readonly maxChanges: number;
  /** How many connect at once in a crowd. */
  readonly crowd: number;
  /** How long to wait for somebody to come, or for an answer, in milliseconds: 2000. */
  readonly patience?: number;
  /** Told what a life is about, before it is. */
  readonly onAct?: (act: Act) => void;
}

/** For {@link Surroundings.patience}. */
const PATIENCE = 2000;
/** How many come at once where it is no crowd. */
const FEW = 20;
/** Changes between two looks at whether it is given up. */
const BATCH = 64;
/** The most rings in one life: a sender gives up who rings it in vain far fewer times. */
const RINGS = 2000;
/** What one that is not spoken to in the name of its own mechanism may say: also that it wants to be told of counters. */
const MECHANISMS = ['', 'vmsplice', 'shared-mmap', 'socket', 'inspection', 'x'.repeat(32)];

/** Lives once: shakes hands, or does not, breaks the protocol in one way, and leaves. */
export function live(surroundings: Surroundings): Life {
  const { choices, at, onAct } = surroundings;
  const isOpener = typeof at !== 'string';
  let act: Act = choices.oneOf([...ACTS, ...OFTEN]);
  // Nobody comes to a crowd, and only who opens can say no.
  if (act === 'crowd' && isOpener) act = 'no';
  else if (act === 'no' && !isOpener) act = 'crowd';
  onAct?.(act);
  const socket = meet(surroundings);
  if (socket === undefined) return { act, isConnected: false, changes: 0, isGivenUp: false };
  const peer = shakeHands(surroundings, act, socket);
  if (peer === undefined) return { act, isConnected: false, changes: 0, isGivenUp: false };
  try {
    const changes = misbehave(peer, act, surroundings);
    return { act, isConnected: true, changes, isGivenUp: peer.isOver() };
  } finally {
    peer.close();
  }
}

function meet({ calls, at, role, patience = PATIENCE }: Surroundings): RawSocket | undefined {
  if (typeof at === 'string') return RawSocket.connect(calls, at, role.mechanism === 'socket');
  return at.accept(patience);
}

/** Comes to a connection that stands, or does in the handshake what the act says: then there is none. */
function shakeHands(surroundings: Surroundings, act: Act, socket: RawSocket): RawPeer | undefined {
  const { calls, at, choices, patience = PATIENCE } = surroundings;
  const isOpener = typeof at !== 'string';
  const role = isOpener ? hearHello(surroundings, socket) : surroundings.role;
  if (role === undefined) {
    socket.close();
    return undefined;
  }
  const said = handshakeOf(surroundings, act, isOpener);
  if (said !== undefined) {
    for (const bytes of said) socket.send(bytes);
    if (act !== 'gone') dropAll(calls, socket.receive(choices.below(20)));
    socket.close();
    return undefined;
  }
  const fds: number[] = [];
  const lies = liesOf(surroundings, act, fds);
  try {
    return isOpener
      ? letInAsPeer(calls, socket, role, lies)
      : comeAsPeer(calls, socket, role, patience, lies);
  } finally {
    for (const fd of fds) calls.close(fd);
  }
}

/** Who opens is spoken to first: the other side says which policy it wants. */
function hearHello(
  { calls, role, patience = PATIENCE }: Surroundings,
  socket: RawSocket,
): Role | undefined {
  const hello = socket.receive(patience, 256);
  if (hello === undefined || hello === 'end') return undefined;
  dropAll(calls, hello);
  return { ...role, policy: readHello(hello.bytes)?.parameters[0] ?? 0 };
}

/** Closes what has come. */
function dropAll(calls: LinuxCalls, received: Received | 'end' | undefined): void {
  if (received === undefined || received === 'end') return;
  for (const fd of received.descriptors) calls.close(fd);
}

/** What is said in the place of a hello or a welcome; `undefined` where the handshake goes well. */
function handshakeOf(
  surroundings: Surroundings,
  act: Act,
  isOpener: boolean,
): readonly Uint8Array[] | undefined {
  const { choices, role } = surroundings;
  const kind = isOpener ? KIND.welcome : KIND.hello;
  const honest = helloBytes({ kind, mechanism: nameOf(role), parameters: helloParameters(role) });
  switch (act) {
    case 'silent':
      return [];
    case 'gone':
      return isOpener ? [] : [honest];
    case 'garbage': {
      const bytes = Buffer.alloc(1 + choices.below(400));
      for (let at = 0; at < bytes.length; at++) bytes[at] = choices.below(256);
      // As often as not it begins like one.
      if (choices.below(2) === 0) honest.copy(bytes, 0, 0, choices.below(honest.length));
      return [bytes];
    }
    case 'half':
      return [honest.subarray(0, 1 + choices.below(47))];
    case 'version':
      return [helloBytes({ kind, mechanism: nameOf(role), version: choices.below(65_536) })];
    case 'mechanism': {
      const others = MECHANISMS.filter((name) => name !== nameOf(role));
      return [helloBytes({ kind, mechanism: choices.oneOf(others) })];
    }
    case 'no': {
      const why = choices.oneOf([0, 1, 2, 3, 4, 5, 6, 2 ** 32 - 1]);
      const parameters = [anyWord(choices), anyWord(choices)];
      return [helloBytes({ kind: KIND.refusal, mechanism: nameOf(role), why, parameters })];
    }
    case 'crowd':
      comeInCrowds(surroundings);
      return [];
    default:
      return undefined;
  }
}

/** Many at once, or a few: some are silent, some say hello, and all leave together. */
function comeInCrowds({ calls, at, role, choices, crowd }: Surroundings): void {
  if (typeof at !== 'string') return;
  const isStream = role.mechanism === 'socket';
  const hello = helloBytes({
    kind: KIND.hello,
    mechanism: nameOf(role),
    parameters: helloParameters(role),
  });
  const sockets: RawSocket[] = [];
  const size = choices.below(8) === 0 ? crowd : Math.min(crowd, FEW);
  for (let tries = 0; sockets.length < size && tries < 20 * size; tries++) {
    const socket = RawSocket.connect(calls, at, isStream);
    if (socket !== undefined) sockets.push(socket);
    else calls.schedYield(); // The backlog is full until the other side has had its turn.
  }
  // Who is let in and takes nothing would hold up a sender by contract. So they leave when they have said hello.
  for (const socket of sockets) {
    if (choices.below(3) === 0) socket.send(hello);
    dropAll(calls, socket.receive(0, 256));
    socket.close();
  }
}

/** What is passed in the place of what should be; what is opened for it goes into `fds`. */
function liesOf(
  { calls, at, role, choices }: Surroundings,
  act: Act,
  fds: number[],
): Lies | undefined {
  switch (act) {
    case 'parameters':
      return { parameters: Array.from({ length: choices.below(17) }, () => anyWord(choices)) };
    case 'truncate':
      // Sealed in part, or not at all: cut off later on, if the other side goes on with that.
      return { payloadSeals: choices.oneOf([0, 1, 4, 16]), controlSeals: choices.oneOf([0, 4, 7]) };
    case 'descriptors': {
      const open = (): number => {
        const fd = choices.oneOf(FALSE_DESCRIPTORS)(calls);
        fds.push(fd);
        return fd;
      };
      // Of one that has to pass none there is nothing to leave out or to replace.
      const passesNone =
        role.mechanism === 'socket' || (typeof at === 'string' && !passesMemory(role));
      const kind = passesNone ? 1 : choices.below(3);
      if (kind === 0) return { only: choices.below(5) };
      if (kind === 1) return { extra: Array.from({ length: 1 + choices.below(40) }, open) };
      return { instead: { [choices.below(5)]: open() } };
    }
    default:
      return undefined;
  }
}

/** Whether one that comes passes memory with its hello. */
function passesMemory({ mechanism, isChannel }: Role): boolean {
  return mechanism === 'shared-mmap' && isChannel;
}

/** Breaks the protocol until it is given up, or has made all the changes that it may. Returns how many it has made. */
function misbehave(peer: RawPeer, act: Act, { calls, choices, maxChanges }: Surroundings): number {
  const most = 1 + choices.below(maxChanges);
  const scope = choices.oneOf(SCOPES);
  const steps =
    act === 'words' || act === 'toggle'
      ? Math.ceil(most / BATCH)
      : 1 + choices.below(act === 'bells' ? RINGS : 100);
  // The other side has begun by then, and there is something to lie about.
  peer.say();
  peer.settle(choices.below(4));
  if (act === 'block') peer.block();
  if (act === 'truncate') {
    peer.truncate();
    peer.settle(choices.below(20));
    return 0;
  }
  let changes = 0;
  for (let step = 0; step < steps && !peer.isOver(); step++) {
    peer.keepUp();
    changes += perform(peer, act, choices, scope, Math.min(BATCH, most - changes));
    // Rings that nobody has seen yet count as one.
    if (act === 'bells') calls.schedYield();
    if (choices.below(16) === 0) peer.settle(1);
  }
  peer.settle(choices.below(20));
  return changes;
}

/** Does once what an act is about. Returns how many changes that were. */
function perform(peer: RawPeer, act: Act, choices: Choices, scope: Scope, count: number): number {
  switch (act) {
    case 'words':
      if (choices.below(4) === 0) peer.ring();
      return peer.scribble(choices, scope, count);
    case 'toggle':
      return peer.toggle(choices, count);
    case 'lies':
      if (choices.below(4) > 0) peer.say();
      else peer.lie(choices);
      return 1;
    case 'records':
      peer.shout(choices);
      return 0;
    case 'bells':
      peer.ring();
      return 0;
    case 'questions':
      peer.say(exchangeOf(choices));
      return 0;
    default:
      peer.say();
      return 0;
  }
}

/** A question, an answer to what nobody has asked, or what is neither. */
function exchangeOf(choices: Choices): number {
  if (choices.below(4) === 0) return anyWord(choices);
  return ((1 + choices.below(100)) << 2) | choices.below(4);
}
