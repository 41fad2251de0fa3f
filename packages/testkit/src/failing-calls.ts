/**
 * Lets every system call of a transport fail once, or from some call on, and looks what that does: to be
 * run in a process of its own, which ends with 0 if nothing went wrong.
 *
 * A failure may end a connection, reject a call or lose a message of the broken connection. It must never
 * be an uncaught exception, give one memory out twice, show wrong bytes, or leave a descriptor open.
 */
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Delivery, Receiver, Sender, Transport } from '@pageferry/core';
import { ETOOMANYREFS, type LinuxCalls, type WatchCallback } from '@pageferry/linux';

type AnyCalls = Record<string, (...words: unknown[]) => unknown>;

/** System calls of which one fails. */
export interface FailingCalls {
  readonly calls: LinuxCalls;
  /** From now on it counts. */
  arm(): void;
  /** From now on nothing fails any more. */
  disarm(): void;
  /** Whether the call was made as often as it takes to fail. */
  readonly due: boolean;
}

/** What else may fail with, of which nobody expects anything. */
const ANY = ['EIO', 'ENOMEM', 'EPERM'] as const;

/** What calls fail with, as their man pages have it, beside what they never should. */
const ERRNOS: Readonly<Record<string, readonly ErrnoName[]>> = {
  accept4: ['EMFILE', 'ENOMEM', 'EAGAIN', 'EPERM'],
  addSeals: ['EPERM', 'EBUSY'],
  bindUnix: ['ENOSPC', 'ENOMEM', 'EACCES'],
  connectUnix: ['EAGAIN', 'EPERM', 'ENOMEM'],
  duplicate: ['EMFILE', 'ENOMEM'],
  eventfd: ['EMFILE', 'ENOMEM', 'ENFILE'],
  fallocate: ['ENOSPC', 'ENOMEM', 'EINTR', 'EIO'],
  flock: ['EINTR', 'ENOLCK', 'EAGAIN'],
  ftruncate: ['ENOSPC', 'EPERM', 'EINTR'],
  memfdCreate: ['EMFILE', 'ENOMEM', 'EACCES'],
  mmap: ['ENOMEM', 'EPERM', 'EAGAIN'],
  pidfdOpen: ['EMFILE', 'ENOMEM', 'ENOSYS'],
  pipe2: ['EMFILE', 'ENFILE', 'ENOMEM'],
  poll: ['EINTR', 'ENOMEM', 'EIO'],
  pollMany: ['EINTR', 'ENOMEM', 'EIO'],
  preadv2: ['EAGAIN', 'EOPNOTSUPP', 'EIO'],
  read: ['EAGAIN', 'EIO', 'ENOMEM'],
  recvmsg: ['EAGAIN', 'ENOMEM', 'EIO'],
  sendmsg: ['ETOOMANYREFS', 'ENOMEM', 'EAGAIN', 'EPERM'],
  setPipeSize: ['EPERM', 'ENOMEM', 'EBUSY'],
  socket: ['EMFILE', 'ENOMEM', 'EPERM'],
  splice: ['EAGAIN', 'ENOMEM', 'ENOSPC'],
  spliceOnThread: ['EAGAIN', 'ENOMEM', 'ENOSPC'],
  tee: ['EAGAIN', 'ENOMEM', 'EIO'],
  vmsplice: ['EAGAIN', 'ENOMEM', 'EPERM'],
  watch: ['ENOSPC', 'ENOMEM', 'EMFILE', 'EPERM'],
  write: ['EAGAIN', 'ENOSPC', 'EIO'],
  writeOnThread: ['ENOSPC', 'EIO', 'EAGAIN'],
};

/** Ask for another try. Whoever gets them for ever tries for ever, so that they come once. */
const PASSING = ['EAGAIN', 'EINTR'] as const satisfies readonly ErrnoName[];

/** Node has no name for the one of descriptors under way. */
const NUMBERS = { ...constants.errno, ETOOMANYREFS };

type ErrnoName = keyof typeof NUMBERS;

/** Which of its calls is the first that fails: some, or each that there is. */
const EVERY = process.env['PAGEFERRY_FAILING_CALLS'] === 'every';
const FIRSTS = EVERY ? Array.from({ length: 5000 }, (_, index) => index + 1) : [1, 2, 6];

/** Calls that do their work, whatever they answer: what they free is not the transport's any more. */
const DONE_ALL_THE_SAME = new Set(['close', 'munmap', 'closeAtThreadEnd', 'detach']);
const NO_CALLS = new Set(['binding', 'pageSize', 'addressOf', 'schedYield']);
const ON_THREAD = new Set(['writeOnThread', 'spliceOnThread']);

/** What ends a wait that has lost its counterpart, in milliseconds. Nothing is decided by it. */
export const LIMIT = { timeout: 50 };
/** As {@link LIMIT}, where nothing fails: then nothing has to end because its counterpart is lost. */
const PATIENCE = 60_000;
const LENGTHS = [100, 0, 5000, 100_000, 100, 700_000, 100];

let where = '';
let problems = 0;
/** True while a life is led once more, in which no call fails. */
let nothingFails = false;

/** Something is wrong, whatever call has failed. */
export function problem(what: string): void {
  if (problems++ < 20) console.error(`${where}: ${what}`);
}

process.on('uncaughtException', (error) => problem(`uncaught: ${error.stack}`));
process.on('unhandledRejection', (error) => problem(`unhandled: ${describe(error)}`));
process.on('warning', () => {}); // What ends a connection is told by a warning; here it is no news.

function describe(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : String(error);
}

/** System calls of which one fails from its `first` call after `arm()` on, `count` times. */
function failing(
  real: LinuxCalls,
  name: string,
  errno: number,
  first: number,
  count: number,
): FailingCalls {
  let armed = false;
  let isOver = false;
  let made = 0;
  const isDue = () => armed && ++made >= first && made < first + count;
  const calls = { ...real };
  if (name === 'watcher.update' || name === 'watcher.callback') {
    calls.watch = (fd, events, callback, owns) => {
      const tell: WatchCallback = (error, revents) => {
        if (name === 'watcher.callback' && isDue()) callback(-errno, 0);
        else callback(error, revents);
      };
      const watcher = real.watch(fd, events, tell, owns);
      if (typeof watcher === 'number') return watcher;
      return {
        update: (wanted) =>
          name === 'watcher.update' && isDue() ? -errno : watcher.update(wanted),
        ref: () => watcher.ref(),
        unref: () => watcher.unref(),
        close: () => watcher.close(),
      };
    };
  } else {
    const call = (real as unknown as AnyCalls)[name];
    (calls as unknown as AnyCalls)[name] = (...words) => {
      if (!isDue()) return call?.(...words);
      if (DONE_ALL_THE_SAME.has(name)) call?.(...words);
      return ON_THREAD.has(name) ? Promise.resolve(-errno) : -errno;
    };
  }
  return {
    calls,
    arm: () => {
      armed = !isOver;
    },
    disarm: () => {
      isOver = true;
      armed = false;
    },
    get due() {
      return made >= first;
    },
  };
}

function countDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** A failed call is a typed error, and nothing else. */
export async function attempt<T>(call: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    const isTyped = error instanceof Error && /^(Pageferry|Abort)Error$/.test(error.name);
    if (!isTyped) problem(`no typed error: ${describe(error)}`);
    else if (nothingFails) problem(`rejects although nothing fails: ${describe(error)}`);
    return undefined;
  }
}

/** Writes message `number` into `bytes`. */
export function fill(bytes: Uint8Array, number: number): void {
  bytes.fill(1 + (number % 255));
}

/** Looks whether `bytes` are those of message `number`. */
export function check(bytes: Uint8Array, number: number, when: string): void {
  const expected = 1 + (number % 255);
  const wrong = bytes.findIndex((byte) => byte !== expected);
  if (wrong >= 0) problem(`${when}: message ${number} has ${bytes[wrong]} at ${wrong}`);
}

/** Receives until the end, or until it has failed three times. */
async function receiveAll(receiver: Receiver, file: number): Promise<void> {
  const held: Delivery[] = [];
  for (let number = 0, failures = 0; failures < 3; number++) {
    if (number === 3) await attempt(() => receiver.spliceTo(file, LIMIT));
    const delivery = await attempt(async () => (await receiver.receive(LIMIT)) ?? 'end');
    if (delivery === 'end') break;
    if (delivery === undefined) {
      failures++;
      continue;
    }
    see(delivery, 'received');
    held.push(delivery);
    // A message larger than the pool comes when the pool is whole: without failures nobody waits for it in vain.
    if (held.length > 2 || nothingFails) release(held.shift() as Delivery);
  }
  for (const delivery of held) release(delivery);
}

function release(delivery: Delivery): void {
  see(delivery, 'held');
  delivery.release();
}

function see(delivery: Delivery, when: string): void {
  if (delivery.byteLength > 0) check(delivery.bytes, delivery.sequence, when);
}

/** Sends messages, and ends; loans that are in hand at the same time must not share memory. */
async function sendAll(sender: Sender): Promise<void> {
  let number = 0;
  for (const length of LENGTHS) {
    const loan = await attempt(() => sender.loan(length, LIMIT));
    if (loan === undefined) continue;
    const isAlone = length === 0 || nothingFails;
    const other = isAlone ? undefined : await attempt(() => sender.tryLoan(length));
    if (other !== undefined) fill(other.bytes, 77);
    fill(loan.bytes, number);
    if (other !== undefined) check(other.bytes, 77, 'two loans at once');
    const outcome = await attempt(() => (number % 3 === 2 ? loan.trySend() : loan.send(LIMIT)));
    if (!loan.owned) number++;
    else if (outcome === 'sent') problem('sent, and owned all the same');
    loan.release();
    if (other !== undefined) {
      check(other.bytes, 77, 'a loan in hand');
      other.release();
    }
  }
  if (sender.stats().loansHeld !== 0) problem(`${sender.stats().loansHeld} loans are held`);
  await attempt(() => sender.close(LIMIT));
}

/** Where a {@link Scenario} is played. */
export interface Scene {
  readonly transport: Transport;
  readonly endpoint: string;
  /** Of what is opened at the endpoint. */
  readonly options: object;
  /** From now on calls may fail; does nothing if they may already. */
  readonly arm: () => void;
  /** An open file, to write into. */
  readonly file: number;
  /** Whether no call fails: then nothing may be done that ends by its time limit alone. */
  readonly nothingFails: boolean;
}

/** Opens something, uses it, and closes it. Whatever rejects goes through {@link attempt}. */
export type Scenario = (scene: Scene) => Promise<void>;

async function play(
  scenario: Scenario,
  transportOf: (calls: LinuxCalls) => Transport,
  options: object,
  state: FailingCalls,
  armsFirst: boolean,
  tryAgain: boolean,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-'));
  const endpoint = join(folder, 'endpoint');
  const file = openSync(join(folder, 'file'), 'w');
  const transport = transportOf(state.calls);
  if (armsFirst) state.arm();
  const scene = { transport, endpoint, options, arm: () => state.arm(), file };
  await scenario({ ...scene, nothingFails: false });
  if (state.due && tryAgain) {
    state.disarm();
    await withoutFailures(() => scenario({ ...scene, nothingFails: true }));
  }
  closeSync(file);
  rmSync(folder, { recursive: true });
}

/** Leads a life in which nothing fails, in the place of one in which something did. */
async function withoutFailures(life: () => Promise<void>): Promise<void> {
  const { timeout } = LIMIT;
  LIMIT.timeout = PATIENCE;
  nothingFails = true;
  await life();
  nothingFails = false;
  LIMIT.timeout = timeout;
}

/** One connection of a sender with two receivers, from the beginning to the end. */
async function publish({ transport, endpoint, options, arm, file }: Scene): Promise<void> {
  const sender = await attempt(() => transport.createSender({ ...options, endpoint }));
  const receivers: Receiver[] = [];
  for (let index = 0; sender !== undefined && index < 2; index++) {
    const receiver = await attempt(() => transport.createReceiver({ endpoint, ...LIMIT }));
    if (receiver !== undefined) receivers.push(receiver);
  }
  if (sender !== undefined) {
    await attempt(() => sender.waitForReceivers(receivers.length, LIMIT));
    arm();
    await Promise.all([
      sendAll(sender),
      ...receivers.map((receiver) => receiveAll(receiver, file)),
    ]);
  }
  for (const receiver of receivers) await attempt(() => receiver.close());
  await attempt(() => sender?.close(LIMIT));
  await attempt(() => sender?.destroy());
}

function errnosOf(name: string, count: number): readonly ErrnoName[] {
  const all = ERRNOS[name] ?? ANY;
  return count === 1 ? all : all.filter((each) => !(PASSING as readonly string[]).includes(each));
}

/**
 * Lets every system call fail in turn, and ends this process: with 0 if nothing went wrong, else with 1.
 *
 * @param real the system calls, which none of this changes.
 * @param transportOf makes a transport over given system calls.
 * @param options for its sender, or whatever `scenario` opens.
 * @param scenario what is done with it; by default a sender publishes to two receivers.
 */
export async function runWithFailures(
  real: LinuxCalls,
  transportOf: (calls: LinuxCalls) => Transport,
  options: object,
  scenario: Scenario = publish,
): Promise<void> {
  const never = failing(real, 'poll', 0, Number.POSITIVE_INFINITY, 0);
  await play(scenario, transportOf, options, never, false, false); // What stays open for good is open.
  const names = Object.keys(real).filter((name) => !NO_CALLS.has(name));
  let scenarios = 0;
  for (const name of [...names, 'watcher.update', 'watcher.callback']) {
    for (const armsFirst of [false, true]) {
      for (const count of [1, Number.POSITIVE_INFINITY]) {
        const errnos = errnosOf(name, count);
        for (const [index, first] of FIRSTS.entries()) {
          const errnoName = errnos[(index + Number(armsFirst)) % errnos.length] ?? 'EIO';
          const errno = NUMBERS[errnoName];
          where = `${name} ${errnoName}, call ${first}${count === 1 ? '' : ' and later'}, ${armsFirst ? 'opening' : 'open'}`;
          const before = countDescriptors();
          const state = failing(real, name, errno, first, count);
          // Tried again at the same endpoint, once the shortage is over.
          const tryAgain = armsFirst && count !== 1 && index === 0;
          await play(scenario, transportOf, options, state, armsFirst, tryAgain);
          for (let turn = 0; turn < 400 && countDescriptors() > before; turn++) {
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
          const left = countDescriptors() - before;
          if (left > 0) problem(`${left} descriptors are left open`);
          scenarios++;
          if (!state.due) break; // It is not called that often.
        }
      }
    }
  }
  console.log(`${scenarios} scenarios, ${problems} problems`);
  process.exit(problems === 0 ? 0 : 1);
}
