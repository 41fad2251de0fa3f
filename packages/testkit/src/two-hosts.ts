import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What the link between two hosts is to be like, in both directions. */
export interface LinkOptions {
  /** How long a packet is under way, in milliseconds. */
  readonly delayMilliseconds: number;
  /** How many of a hundred packets are lost. */
  readonly lossPercent: number;
  readonly megabitsPerSecond: number;
}

/** One of two hosts. */
export interface Host {
  /** Its IPv4 address on the link. */
  readonly address: string;
  /** What stands in front of a command that is to run there. The process keeps its id, and dies with its parent. */
  readonly command: readonly string[];
}

const SLOW: LinkOptions = { delayMilliseconds: 2, lossPercent: 0.5, megabitsPerSecond: 400 };

/** Name of either end of the link, each in a namespace of its own. */
const DEVICE = 'link0';
/** What runs there is killed when the thread that has started it ends, however that ends. */
const DIES_WITH_US = ['setpriv', '--pdeathsig', 'KILL'] as const;
/** The addresses that RFC 5737 sets aside for examples. Nobody else can reach them. */
const ADDRESSES = ['192.0.2.1', '192.0.2.2'] as const;

/**
 * Two hosts on this machine: two network namespaces, each with a loopback device and an end of a link between them. They
 * have no names: a process that does nothing holds each of them open, and ends with the process that has made it,
 * however that ends. Then the kernel removes the namespace, and the link with it.
 *
 * Needs Linux, iproute2 and util-linux, and root, or a kernel that lets everybody make user namespaces.
 */
export class TwoHosts implements AsyncDisposable {
  /** The two. */
  readonly hosts: readonly [Host, Host];
  /** What the link is like, in words; also what could not be had of what was asked for. */
  readonly link: string;
  readonly #holders: readonly Holder[];

  private constructor(holders: readonly Holder[], hosts: readonly [Host, Host], link: string) {
    this.#holders = holders;
    this.hosts = hosts;
    this.link = link;
  }

  /**
   * Makes two hosts, and a slow link between them that loses packets, by netem(8). A kernel without it gets a link that
   * is as slow and loses as many, and has no delay of its own (htb, and a filter that draws lots). {@link link} says so.
   *
   * @throws an error whose message says in a line what this machine does not allow. Nothing is left then.
   */
  static async make(options: LinkOptions = SLOW): Promise<TwoHosts> {
    const holders: Holder[] = [];
    try {
      const first = await hold([
        'unshare',
        ...(isRoot() ? [] : ['--user', '--map-root-user']),
        '--net',
      ]);
      holders.push(first);
      // In the same user namespace, so that one process may see to both.
      const second = await hold([...enter(first.pid, '--user'), 'unshare', '--net'], first);
      holders.push(second);
      const commands = [enter(first.pid, '--net'), enter(second.pid, '--net')] as const;
      const peer = ['type', 'veth', 'peer', 'name', DEVICE, 'netns', `${second.pid}`];
      await call(commands[0], 'ip', 'link', 'add', DEVICE, ...peer);
      let link = '';
      for (const [index, command] of commands.entries()) {
        await call(command, 'ip', 'link', 'set', 'lo', 'up');
        await call(command, 'ip', 'address', 'add', `${ADDRESSES[index]}/24`, 'dev', DEVICE);
        link = await slowDown(command, options);
        await call(command, 'ip', 'link', 'set', DEVICE, 'up');
      }
      const one = [...commands[0], ...DIES_WITH_US];
      const two = [...commands[1], ...DIES_WITH_US];
      await call(one, 'true');
      const hosts = [
        { address: ADDRESSES[0], command: one },
        { address: ADDRESSES[1], command: two },
      ] as const;
      return new TwoHosts(holders, hosts, link);
    } catch (error) {
      await Promise.all(holders.map((holder) => holder.end()));
      throw new Error(inALine(error), { cause: error });
    }
  }

  /** Pulls the plug, or puts it in again. */
  async setLink(isUp: boolean): Promise<void> {
    await call(this.hosts[0].command, 'ip', 'link', 'set', DEVICE, isUp ? 'up' : 'down');
    if (!isUp) return;
    // Whoever asked for the other host's address meanwhile gives up soon, and with it whoever connects by then.
    for (const { command } of this.hosts)
      await call(command, 'ip', 'neigh', 'flush', 'dev', DEVICE);
  }

  /** Removes both, and the link. Processes that still run there keep their host, without the link. */
  async remove(): Promise<void> {
    await call(this.hosts[0].command, 'ip', 'link', 'delete', DEVICE).catch(() => undefined);
    await Promise.all(this.#holders.map((holder) => holder.end()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }
}

/** Why this machine cannot have two hosts, in a line; `undefined` if it can. */
export async function whyNoTwoHosts(): Promise<string | undefined> {
  try {
    await using _ = await TwoHosts.make();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** A process that holds a namespace open. */
interface Holder {
  readonly pid: number;
  end(): Promise<void>;
}

/**
 * Starts a process that waits for the end of its standard input, which comes with the end of this process.
 *
 * @param command makes the namespace that it is to be in.
 * @param other whose namespace is another one.
 */
async function hold(command: readonly string[], other?: Holder): Promise<Holder> {
  const [name = '', ...words] = [...command, 'sh', '-c', 'echo && exec cat'];
  const child: ChildProcess = spawn(name, words, { stdio: ['pipe', 'pipe', 'pipe'] });
  const { stdin, stdout, stderr } = child;
  let complaint = '';
  stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const exit = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve());
  });
  const gone = exit.then(() => Promise.reject(new Error(complaint || `${name} has ended`)));
  // It has said something: so it is where it is to be.
  await Promise.race([gone, once(stdout as NodeJS.EventEmitter, 'data')]);
  gone.catch(() => undefined);
  const pid = child.pid as number;
  const end = async (): Promise<void> => {
    stdin?.end();
    await exit;
  };
  const isApart = [process.pid, ...(other === undefined ? [] : [other.pid])].every(
    (each) => namespaceOf(each) !== namespaceOf(pid),
  );
  if (isApart) return { pid, end };
  await end();
  throw new Error('unshare(1) has made no network namespace');
}

function namespaceOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/ns/net`);
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** What stands in front of a command that is to run in the namespaces of a process. */
function enter(pid: number, what: '--net' | '--user'): readonly string[] {
  const user = ['--user', '--preserve-credentials'];
  if (isRoot()) return what === '--user' ? [] : ['nsenter', '--target', `${pid}`, '--net'];
  return ['nsenter', '--target', `${pid}`, ...user, ...(what === '--net' ? ['--net'] : [])];
}

/** Has what leaves by the device be slow, and some of it be lost. Says what the link is like then. */
async function slowDown(command: readonly string[], options: LinkOptions): Promise<string> {
  const { delayMilliseconds, lossPercent, megabitsPerSecond } = options;
  const tc = (...words: (string | number)[]): Promise<void> =>
    call(command, 'tc', ...words.map(String));
  const rate = `${megabitsPerSecond}mbit`;
  const root = ['qdisc', 'add', 'dev', DEVICE, 'root'] as const;
  const words = `${megabitsPerSecond} Mbit/s, ${lossPercent} % of the packets lost`;
  try {
    const delay = ['delay', `${delayMilliseconds}ms`, 'limit', 100_000] as const;
    await tc(...root, 'netem', ...delay, 'loss', `${lossPercent}%`, 'rate', rate);
    return `${words}, ${delayMilliseconds} ms each way (netem)`;
  } catch {
    // Below: this kernel has no netem.
  }
  try {
    const one = ['class', 'add', 'dev', DEVICE, 'parent', '1:', 'classid'] as const;
    await tc(...root, 'handle', '1:', 'htb', 'default', 1, 'r2q', 1000);
    await tc(...one, '1:1', 'htb', 'rate', rate);
    await tc(...one, '1:2', 'htb', 'rate', rate);
    // No packet fits into a queue of one byte.
    await tc('qdisc', 'add', 'dev', DEVICE, 'parent', '1:2', 'bfifo', 'limit', 1);
    const filter = ['filter', 'add', 'dev', DEVICE, 'parent', '1:', 'protocol', 'all', 'prio', 1];
    await tc(...filter, 'bpf', 'bytecode', someOf(lossPercent), 'classid', '1:2');
    return `${words} (htb: this kernel has no netem, so there is no delay but that of queues)`;
  } catch {
    await tc('qdisc', 'delete', 'dev', DEVICE, 'root').catch(() => undefined);
    return 'as fast as it is, and nothing is lost: neither netem nor htb can be had here';
  }
}

/** Classic BPF for tc-bpf(8), which matches so many of a hundred packets: `ld rand; jge #least; ret -1; ret 0`. */
function someOf(percent: number): string {
  const RANDOM = 2 ** 32 - 0x1000 + 56;
  const least = Math.min(2 ** 32 - 1, Math.round(2 ** 32 * (1 - percent / 100)));
  return `4,32 0 0 ${RANDOM},53 0 1 ${least},6 0 0 ${2 ** 32 - 1},6 0 0 0`;
}

async function call(command: readonly string[], ...words: string[]): Promise<void> {
  const [name = '', ...rest] = [...command, ...words];
  await run(name, rest);
}

/** What a program that has failed said, without the command that it was. */
function inALine(error: unknown): string {
  const { stderr, message } = error as { readonly stderr?: string; readonly message: string };
  return (stderr?.trim() || message).trim().split('\n').at(-1) as string;
}
