import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, vi } from 'vitest';

vi.setConfig({ testTimeout: 60_000 });

/** The built command line. */
export const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** Every backend, and whether this platform can have it. */
export const BACKENDS = [
  { backend: 'shared-mmap', possible: process.platform === 'linux' },
  { backend: 'socket', possible: true },
  { backend: 'vmsplice-ffi', possible: process.platform === 'linux' },
  { backend: 'vmsplice-napi', possible: process.platform === 'linux' },
];

/** What is left of a process. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A process that runs the demo. */
export class Demo {
  readonly process: ChildProcessWithoutNullStreams;
  /**
   * Resolves when the process has ended, and so have all that hold its stdout or stderr: its
   * children.
   */
  readonly ended: Promise<Ended>;
  readonly #stdout: Buffer[] = [];
  #stderr = '';

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.process = spawn(command, args, { env });
    this.process.stdin.on('error', () => {}); // A demo that fails does not read its stdin.
    this.process.stdout.on('data', (chunk: Buffer) => this.#stdout.push(chunk));
    this.process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.ended = new Promise((resolve, reject) => {
      this.process.once('error', reject);
      this.process.once('close', (code, signal) => {
        resolve({ code, signal, stdout: Buffer.concat(this.#stdout), stderr: this.#stderr });
      });
    });
  }

  /** Resolves when `text` is on stderr. */
  said(text: string): Promise<void> {
    return this.#until(() => this.#stderr.includes(text), `said '${text}'`);
  }

  /** Resolves when `text` is on stdout. */
  wrote(text: string): Promise<void> {
    return this.#until(() => this.#written().includes(text), `wrote '${text}'`);
  }

  /** Resolves when something is on stdout. */
  wroteSomething(): Promise<void> {
    return this.#until(() => this.#stdout.length > 0, 'wrote anything');
  }

  #written(): string {
    return Buffer.concat(this.#stdout).toString();
  }

  #until(done: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => done() && resolve();
      look();
      this.process.stdout.on('data', look);
      this.process.stderr.on('data', look);
      this.ended.then(({ stderr }) => reject(new Error(`never ${what}, but: ${stderr}`)));
    });
  }
}

const started = new Set<Demo>();

/** A folder of the test's own: endpoints, files and the demo's temporary files go there. */
export let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pageferry-demo-test-'));
});

afterEach(async () => {
  for (const demo of started) demo.process.kill('SIGKILL');
  await Promise.all([...started].map((demo) => demo.ended));
  started.clear();
  rmSync(folder, { recursive: true, force: true });
});

/** The path of something in the test's folder. */
export const inFolder = (name: string): string => join(folder, name);

/** What is in the test's folder, and in the one that endpoints have there which are names. */
export function left(): string[] {
  const names = `pageferry-${process.geteuid?.()}`;
  const files = readdirSync(folder);
  const endpoints = files.includes(names) ? readdirSync(inFolder(names)) : [];
  return [...files.filter((name) => name !== names), ...endpoints].sort();
}

/** Starts a command. It dies with the test. */
export function start(env: NodeJS.ProcessEnv, command: string, ...args: string[]): Demo {
  const { NO_COLOR, FORCE_COLOR, XDG_RUNTIME_DIR, ...rest } = process.env;
  const demo = new Demo(command, args, { ...rest, TMPDIR: folder, ...env });
  started.add(demo);
  return demo;
}

/** Starts the demo. */
export const demo = (...args: string[]): Demo => start({}, process.execPath, MAIN, ...args);

/** Starts the runner. Where the figures do not matter, one round after the warm-up is enough. */
export const once = (...args: string[]): Demo => demo('--rounds', '1', ...args);

/** Starts the demo where the package of one backend does not load. */
export function demoWithout(backend: string, ...args: string[]): Demo {
  const hook = `export async function resolve(name, context, next) {
    if (name === '@pageferry/${backend}') throw new Error('out of order');
    return next(name, context);
  }`;
  const program = `import { register } from 'node:module'; register(\`${toUrl(hook)}\`);`;
  const words = ['send', 'ask'].includes(args[0] ?? '') ? args : ['--rounds', '1', ...args];
  return start({ NODE_OPTIONS: `--import ${toUrl(program)}` }, process.execPath, MAIN, ...words);
}

/** Starts the demo where the socket has no channels, as other transports may have none. */
export function demoWithoutChannels(...args: string[]): Demo {
  const socket = pathToFileURL(createRequire(import.meta.url).resolve('@pageferry/socket'));
  const program = `import { socketTransport } from '${socket}';
  const refuse = () => Promise.reject(Object.assign(new Error('no channels'), { code: 'NOT_SUPPORTED' }));
  socketTransport.capabilities.maxChannels = 0;
  Object.assign(socketTransport, { listen: refuse, connect: refuse });`;
  return start({ NODE_OPTIONS: `--import ${toUrl(program)}` }, process.execPath, MAIN, ...args);
}

const toUrl = (program: string) => `data:text/javascript,${encodeURIComponent(program)}`;
