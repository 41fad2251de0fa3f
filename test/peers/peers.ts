import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { beforeAll, onTestFinished } from 'vitest';
import { SOURCE as C, hasCompiler, WARNINGS } from '../../clients/c/test/peer.js';
import { build, environmentOf, obstacle, python } from '../../clients/python/test/package.js';
import { temporaryFolder } from '../../packages/testkit/dist/index.js';

// One program in each language, which are all told the same, and say the same, in lines:
//
//   send ENDPOINT POOL_BYTES
//     await COUNT                        waits for so many receivers
//     send WHEN LENGTHS ROUNDS           sends messages of these lengths, in turn; WHEN: flushing waits after each
//     lie LENGTH                         sends a message with the bytes of another one
//     flush                              waits until all was returned
//     alone                              waits until nobody receives any more
//     close                              ends in good order
//   receive ENDPOINT POLICY HOLDS TELLS  holds so many; tells of so many one by one, and when 100 more have come
//
// Message n, from 0, has the tag n, and byte i of it is (n + i) mod 251. A receiver checks that, and says at the end what it has seen.
const programOf = (name: string): string =>
  fileURLToPath(new URL(`programs/${name}`, import.meta.url));

const POLICIES = ['wait', 'drop-newest', 'drop-oldest'] as const;

/** A language, and for Node how it makes system calls. */
export interface Language {
  readonly name: string;
  /** Why it cannot be tested here, if that is so. */
  readonly obstacle?: string | undefined;
  /** Compiles it into a folder. @returns how it is started. */
  prepare(folder: string): Command;
}

/** Of a command; lengths are joined by commas. */
type Word = string | number | readonly number[];

interface Command {
  readonly words: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

const node = (name: string, binding: string): Language => ({
  name,
  prepare: () => ({
    words: [process.execPath, programOf('node.mjs'), binding],
  }),
});

const LANGUAGES: readonly Language[] = [
  node('Node', 'napi'),
  node('Node over FFI', 'ffi'),
  {
    name: 'C',
    obstacle: hasCompiler ? undefined : 'there is no gcc',
    prepare(folder) {
      const program = join(folder, 'peer');
      const files = [join(C, 'pageferry.c'), programOf('peer.c')];
      const flags = ['-std=c11', '-O2', ...WARNINGS, '-I', C, '-pthread'];
      execFileSync('gcc', [...flags, ...files, '-o', program]);
      return { words: [program] };
    },
  },
  {
    name: 'Python',
    obstacle,
    prepare: (folder) => ({
      words: [python ?? '', programOf('peer.py')],
      env: environmentOf(build(folder)),
    }),
  },
];

/** Every sender with every receiver and every policy, and why that cannot be tested here, if it cannot. */
export const CASES = LANGUAGES.flatMap((sender, row) =>
  LANGUAGES.flatMap((receiver, column) =>
    POLICIES.map((policy) => {
      const obstacle = sender.obstacle ?? receiver.obstacle;
      const why = obstacle === undefined ? '' : ` (${obstacle})`;
      const title = `from ${sender.name} to ${receiver.name}, ${policy}${why}`;
      // What is no matter of the pair: once for each language is enough.
      const isOnce = row === column && policy === 'wait';
      return { sender, receiver, policy, title, isOnce, isSkipped: obstacle !== undefined };
    }),
  ),
);

/** What a receiver has seen. */
export interface Seen {
  /** `END`, or the code of an error. */
  readonly end: string;
  /** Messages that came. */
  readonly count: number;
  /** Those with other bytes than they should have. */
  readonly wrong: number;
  /** Those that did not come in the order in which they were sent, or left one out that must not be missed. */
  readonly disordered: number;
  /** How many it has missed, as it knows itself. */
  readonly dropped: number;
  /** Of the last one. */
  readonly tag: number;
  /** Of the last one, in bytes. */
  readonly length: number;
}

/** A peer that runs, and ends with its test. */
export class Peer {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #closed: Promise<unknown>;

  constructor({ words, env }: Command, args: readonly Word[]) {
    const [program = '', ...before] = words;
    const all = [...before, ...args.map(String)];
    const child = spawn(program, all, { env, stdio: ['pipe', 'pipe', 'inherit'] });
    if (child.stdout === null) throw new Error('it has no output');
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.#closed = once(child, 'close');
    this.#child = child;
    onTestFinished(() => this.kill());
  }

  /** The next thing that it says. */
  async hear(): Promise<unknown> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('it has ended');
    return JSON.parse(value);
  }

  /** Gives a sender a command. */
  tell(...words: readonly Word[]): void {
    this.#child.stdin?.write(`${words.join(' ')}\n`);
  }

  /** Gives a sender a command, and hears what it has to say. */
  ask(...words: readonly Word[]): Promise<unknown> {
    this.tell(...words);
    return this.hear();
  }

  /** The last thing that a receiver says. */
  async seen(): Promise<Seen> {
    for (;;) {
      const said = await this.hear();
      if (typeof said === 'object' && said !== null && 'end' in said) return said as Seen;
    }
  }

  /** Ends it by SIGKILL. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}

/** The longest that two compilers take on a busy machine, in milliseconds. */
const COMPILING = 120_000;

/** Where the peers of a test file meet, and how they are started. They are compiled once, before the first test. */
export function peersOfThisFile() {
  const folder = temporaryFolder();
  const commands = new Map<Language, Command>();

  beforeAll(() => {
    for (const language of LANGUAGES) {
      if (language.obstacle === undefined) commands.set(language, language.prepare(folder.path));
    }
  }, COMPILING);

  const start = (language: Language, args: readonly Word[]): Peer => {
    const command = commands.get(language);
    if (command === undefined) throw new Error(`${language.name} was not prepared`);
    return new Peer(command, args);
  };

  return {
    /** Starts a sender at an endpoint of its own. Resolves when it listens. */
    async send(language: Language, poolBytes: number) {
      const endpoint = folder.fresh();
      const peer = start(language, ['send', endpoint, poolBytes]);
      await peer.hear();
      return { endpoint, peer };
    },
    receive: (language: Language, ...args: readonly Word[]): Peer =>
      start(language, ['receive', ...args]),
  };
}
