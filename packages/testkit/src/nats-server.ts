import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** True if there is a `nats-server` to test against. Without one, the tests are skipped, and say so. */
export const hasNatsServer: boolean = (() => {
  try {
    execFileSync('nats-server', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** A port of this machine that nobody listens at. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Where a server runs. */
export interface ServerPlace {
  /** The address that it listens at. Default: 127.0.0.1. */
  readonly address?: string;
  /** What stands in front of its command. Nothing by default. */
  readonly command?: readonly string[];
  /** Where it makes its folder. By default where temporary files are. */
  readonly folder?: string;
}

/** A `nats-server` with JetStream, in a folder of its own. */
export class NatsServer {
  readonly port: number;
  readonly #address: string;
  readonly #command: readonly string[];
  readonly #folder: string;
  readonly #config: string;
  #child: ChildProcess | undefined;

  private constructor(
    port: number,
    config: string,
    { address, command = [], folder = tmpdir() }: ServerPlace,
  ) {
    this.port = port;
    this.#folder = mkdtempSync(join(folder, 'pageferry-nats-'));
    this.#address = address ?? '127.0.0.1';
    this.#command = command;
    this.#config = join(this.#folder, 'server.conf');
    this.configure(config);
  }

  /** What its configuration says besides, from the next start on. */
  configure(config: string): void {
    writeFileSync(
      this.#config,
      `listen: "${this.#address}:${this.port}"\njetstream { store_dir: "${this.#folder}" }\n${config}`,
    );
  }

  /**
   * Starts one, and waits until it listens.
   *
   * @param config what its configuration says besides; it may name files in the folder of the test.
   * @param place this machine's loopback by default.
   */
  static async start(config = '', port?: number, place: ServerPlace = {}): Promise<NatsServer> {
    const server = new NatsServer(port ?? (await freePort()), config, place);
    await server.start();
    return server;
  }

  /** Where it stores what it is given. */
  get folder(): string {
    return this.#folder;
  }

  /** Where clients connect to. */
  get url(): string {
    return `${this.#address}:${this.port}`;
  }

  /** The process; only while it runs. */
  get pid(): number {
    return this.#child?.pid as number;
  }

  /** Starts it again, with what it has stored. */
  async start(): Promise<void> {
    const [name = '', ...words] = [...this.#command, 'nats-server', '-c', this.#config];
    const child = spawn(name, words, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`the NATS server has ended: ${said.trim()}`)));
      // Nobody else may be able to reach its address. What it says later is read, too: it would wait otherwise.
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-2000);
        if (said.includes('Server is ready')) resolve();
      });
    });
  }

  /** Ends the process at once. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Ends it, and removes what it has stored. */
  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
