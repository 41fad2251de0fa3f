import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { hasNatsServer } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { Ground, until } from './support/server.js';

/** A way to the server on which answers can be held up. */
class Way {
  readonly #server: Server;
  readonly #sockets: Socket[] = [];
  readonly #held: (() => void)[] = [];
  #isHeld = false;
  #wasHeld = false;

  private constructor(port: number, word: string) {
    this.#server = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      this.#sockets.push(near, far);
      for (const socket of [near, far]) socket.on('error', () => undefined);
      near.on('data', (bytes) => {
        if (!this.#wasHeld && bytes.includes(word)) {
          this.#isHeld = true;
          this.#wasHeld = true;
        }
        far.write(bytes);
      });
      far.on('data', (bytes) => {
        if (this.#isHeld) this.#held.push(() => near.write(bytes));
        else near.write(bytes);
      });
    });
  }

  /** @param word nothing of what the server says passes once the client has said it for the first time. */
  static async until(port: number, word: string): Promise<Way> {
    const way = new Way(port, word);
    way.#server.listen(0, '127.0.0.1');
    await once(way.#server, 'listening');
    return way;
  }

  get url(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves once answers are held up. */
  async held(): Promise<void> {
    await until(() => this.#isHeld && this.#held.length > 0);
  }

  /** Lets pass what was held up, and all that comes. */
  release(): void {
    this.#isHeld = false;
    for (const pass of this.#held.splice(0)) pass();
  }

  /** The connections that there are end. Others pass. */
  cut(): void {
    this.#isHeld = false;
    this.#held.length = 0;
    for (const socket of this.#sockets.splice(0)) socket.destroy();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

describe.skipIf(!hasNatsServer)('a receiver whose sender closes while it joins', () => {
  const ground = new Ground();

  test.each([0, 2])('gets what the sender has sent it: history %i', async (history) => {
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint, { history });
    const way = await Way.until(ground.server.port, '$JS.API.CONSUMER.CREATE.');
    try {
      const transport = ground.transport({ servers: way.url });
      const joining = ground.receiver(endpoint, {}, transport);
      await sender.waitForReceivers();
      expect(await sender.send(Buffer.from('last words'))).toBe('sent');
      await sender.close();
      way.release();
      const receiver = await joining;
      const delivery = await receiver.receive();
      expect(`${delivery?.bytes}`).toBe('last words');
      delivery?.release();
      expect(await receiver.receive()).toBeUndefined();
      await receiver.close();
    } finally {
      await way.close();
    }
  });

  test('leaves no consumer behind where the connection is lost while it joins', async () => {
    const endpoint = ground.endpoint();
    const sender = await ground.sender(endpoint);
    const way = await Way.until(ground.server.port, '$JS.API.CONSUMER.CREATE.');
    try {
      const joining = ground.receiver(endpoint, {}, ground.transport({ servers: way.url }));
      await way.held();
      way.cut();
      const receiver = await joining;
      await sender.waitForReceivers();
      await sender.send(Buffer.from('for one'));
      const delivery = await receiver.receive();
      expect(`${delivery?.bytes}`).toBe('for one');
      delivery?.release();
      // The one whose answer was lost is gone soon: nobody is done with the message for it.
      await until(() => sender.receivers.length === 1);
      await sender.flush();
      await receiver.close();
    } finally {
      await way.close();
    }
  });

  test('waits for the next sender if that one did not know of it', async () => {
    const endpoint = ground.endpoint();
    const before = await ground.sender(endpoint);
    // Keeps the stream of the first sender there.
    const other = await ground.receiver(endpoint);
    await before.waitForReceivers();
    const way = await Way.until(ground.server.port, '$JS.API.CONSUMER.INFO.');
    try {
      const transport = ground.transport({ servers: way.url });
      const joining = ground.receiver(endpoint, {}, transport);
      await way.held();
      await before.close();
      way.release();
      const after = await ground.sender(endpoint);
      const receiver = await joining;
      await after.waitForReceivers();
      await after.send(Buffer.from('first words'));
      const delivery = await receiver.receive();
      expect(`${delivery?.bytes}`).toBe('first words');
      delivery?.release();
      expect(await other.receive()).toBeUndefined();
      await receiver.close();
    } finally {
      await way.close();
    }
  });
});
