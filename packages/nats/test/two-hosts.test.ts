import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Host, hasNatsServer, NatsServer, TwoHosts, whyNoTwoHosts } from '@pageferry/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('support/host-peer.js', import.meta.url));
const MAX_PAYLOAD = 1024 * 1024;
const PORT = 4222;

/** Each second a server looks whether a client that says nothing is there. */
const CONFIG = 'ping_interval: "1s"\nping_max: 2\n';

const missing = hasNatsServer ? await whyNoTwoHosts() : 'there is no nats-server';

/** A process on one of the hosts. */
class Peer {
  readonly #child: ChildProcess;
  readonly #said: unknown[] = [];
  readonly #exit: Promise<unknown>;
  #wake = (): void => undefined;

  constructor(host: Host, words: readonly string[]) {
    const [execPath = '', ...rest] = host.command;
    const execArgv = [...rest, process.execPath];
    this.#child = fork(PROGRAM, words, { execPath, execArgv, stdio: ['ignore', 2, 2, 'ipc'] });
    this.#child.on('message', (words) => {
      this.#said.push(words);
      this.#wake();
    });
    this.#exit = once(this.#child, 'exit').then(() => this.#wake());
  }

  /** How much it has said that nobody has listened to. */
  get unheard(): number {
    return this.#said.length;
  }

  /** What it says next. */
  async said(): Promise<unknown> {
    while (this.#said.length === 0) {
      if (this.#child.exitCode !== null) throw new Error(`it ended with ${this.#child.exitCode}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#said.shift();
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }
}

describe.skipIf(missing !== undefined)(
  `two hosts${missing ? ` (${missing})` : ''}`,
  {
    timeout: 120_000,
  },
  () => {
    let hosts: TwoHosts;
    let server: NatsServer;
    const peers: Peer[] = [];
    let names = 0;

    beforeAll(async () => {
      hosts = await TwoHosts.make();
      process.stderr.write(`The link between the hosts: ${hosts.link}\n`);
      const [{ address, command }] = hosts.hosts;
      server = await NatsServer.start(CONFIG, PORT, { address, command });
    }, 60_000);
    afterEach(async () => {
      await hosts.setLink(true);
      await Promise.all(peers.splice(0).map((peer) => peer.kill()));
    });
    afterAll(async () => {
      await server?.remove();
      await hosts?.remove();
    });

    /** An endpoint that nobody has, and how to start peers that meet there. */
    function meeting(patience: number) {
      const endpoint = `nats:hosts.${names++}`;
      const start = (host: 0 | 1, role: string, ...words: string[]): Peer => {
        const all = [role, server.url, endpoint, `${patience}`, ...words];
        const peer = new Peer(hosts.hosts[host], all);
        peers.push(peer);
        return peer;
      };
      return { start };
    }

    test.each([
      ['the host of the servers', 0, 1],
      ['the other host', 1, 0],
    ] as const)('messages of every length come from %s, each byte of them', async (_, from, to) => {
      const lengths = [
        ...[0, 1, 1000, 65_536, MAX_PAYLOAD - 1000, MAX_PAYLOAD, MAX_PAYLOAD + 1],
        ...[0, 3 * MAX_PAYLOAD + 7, 5, 5 * MAX_PAYLOAD],
      ];
      const { start } = meeting(20_000);
      const sender = start(from, 'send', JSON.stringify(lengths));
      const receiver = start(to, 'receive');
      expect(await sender.said()).toBe('ready');
      expect(await receiver.said()).toBe('ready');
      for (const [number, length] of lengths.entries()) {
        const sent = await sender.said();
        expect(sent).toMatchObject({ number, length, outcome: 'sent' });
        const { digest } = sent as { digest: string };
        expect(await receiver.said()).toEqual({ number, length, digest });
      }
      expect(await sender.said()).toEqual({ behind: [0] });
      expect(await receiver.said()).toBe('ended');
    });

    test('what is under way when the plug is pulled arrives when it is in again, each once', async () => {
      const lengths = Array.from({ length: 300 }, (_, index) =>
        index % 10 === 0 ? 1_500_000 : 9000,
      );
      const { start } = meeting(60_000);
      const sender = start(0, 'send', JSON.stringify(lengths));
      const receiver = start(1, 'receive');
      expect(await sender.said()).toBe('ready');
      expect(await receiver.said()).toBe('ready');
      let sent = 0;
      const digests: string[] = [];
      const hearSender = async (): Promise<void> => {
        const words = (await sender.said()) as { digest: string };
        expect(words).toMatchObject({ number: sent++, outcome: 'sent' });
        digests.push(words.digest);
      };
      for (let number = 0; number < lengths.length; number++) {
        while (digests.length <= number) await hearSender();
        const length = lengths[number];
        expect(await receiver.said()).toEqual({ number, length, digest: digests[number] });
        if (number !== 40 && number !== 150) continue;
        await hosts.setLink(false);
        // The sender goes on: servers and sender are on one host. The receiver hears nothing of that.
        for (let further = 0; further < 30 && digests.length < lengths.length; further++) {
          await hearSender();
        }
        await new Promise((resolve) => setTimeout(resolve, 1000));
        expect(number + 1 + receiver.unheard).toBeLessThan(lengths.length);
        await hosts.setLink(true);
      }
      while (sent < lengths.length) await hearSender();
      expect(await sender.said()).toEqual({ behind: [0] });
      expect(await receiver.said()).toBe('ended');
    });

    test('a receiver on the other host that is killed is gone for the sender, and another one comes', async () => {
      const { start } = meeting(1000);
      const sender = start(0, 'serve');
      expect(await sender.said()).toBe('ready');
      for (let round = 0; round < 2; round++) {
        const receiver = start(1, 'receive');
        expect(await sender.said()).toEqual({ receivers: 1 });
        expect(await receiver.said()).toBe('ready');
        expect(await receiver.said()).toMatchObject({ length: 20_000 });
        await receiver.kill();
        expect(await sender.said()).toEqual({ receivers: 0 });
      }
    });

    test('a host that is out of reach for too long is gone for the sender, too', async () => {
      const { start } = meeting(1000);
      const sender = start(0, 'serve');
      expect(await sender.said()).toBe('ready');
      const receiver = start(1, 'receive');
      expect(await sender.said()).toEqual({ receivers: 1 });
      expect(await receiver.said()).toBe('ready');
      expect(await receiver.said()).toMatchObject({ length: 20_000 });
      await hosts.setLink(false);
      expect(await sender.said()).toEqual({ receivers: 0 });
      await hosts.setLink(true);
      start(1, 'receive');
      expect(await sender.said()).toEqual({ receivers: 1 });
    });
  },
);
