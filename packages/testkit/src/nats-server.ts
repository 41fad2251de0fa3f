import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createConnection, createServer } from 'node:net';
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

/** A `nats-server` with JetStream, in a folder of its own. */
export class NatsServer {
  readonly port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), 'pageferry-nats-'));
  readonly #config: string;
  #child: ChildProcess | undefined;

  private constructor(port: number, config: string) {
    this.port = port;
    this.#config = join(this.#folder, 'server.conf');
    writeFileSync(
      this.#config,
      `listen: "127.0.0.1:${port}"\njetstream { store_dir: "${this.#folder}" }\n${config}`,
    );
  }

  /**
   * Starts one, and waits until it listens.
   *
   * @param config what its configuration says besides; it may name files in the folder of the test.
   */
  static async start(config = '', port?: number): Promise<NatsServer> {
    const server = new NatsServer(port ?? (await freePort()), config);
    await server.start();
    return server;
  }

  /** Where clients connect to. */
  get url(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** The process; only while it runs. */
  get pid(): number {
    return this.#child?.pid as number;
  }

  /** Starts it again, with what it has stored. */
  async start(): Promise<void> {
    this.#child = spawn('nats-server', ['-c', this.#config], { stdio: 'ignore' });
    for (;;) {
      if (this.#child.exitCode !== null) throw new Error('the NATS server has ended');
      if (await this.#listens()) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
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

  async #listens(): Promise<boolean> {
    const socket = createConnection(this.port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return true;
    } catch {
      return false;
    } finally {
      socket.destroy();
    }
  }
}
