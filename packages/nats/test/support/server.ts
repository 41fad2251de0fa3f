import { hasNatsServer, NatsServer } from '@pageferry/testkit';
import { afterAll, afterEach, beforeAll } from 'vitest';
import {
  type NatsReceiverOptions,
  type NatsRequester,
  type NatsRequestOptions,
  type NatsResponder,
  type NatsResponderOptions,
  type NatsSenderOptions,
  type NatsTransportOptions,
  natsTransport,
} from '../../dist/index.js';
import type { NatsReceiver } from '../../dist/receiving/nats-receiver.js';
import type { NatsSender } from '../../dist/sending/nats-sender.js';

/** Long enough for a busy machine, and short enough to wait for in a test. */
const PATIENCE = 1000;

/** A server for the tests of a file, and senders and receivers that end with their test. */
export class Ground {
  #server: NatsServer | undefined;
  readonly #open: { close(): Promise<unknown> }[] = [];
  #names = 0;

  constructor(config = '') {
    beforeAll(async () => {
      if (hasNatsServer) this.#server = await NatsServer.start(config);
    });
    afterEach(() => this.clear());
    afterAll(() => this.#server?.remove());
  }

  get server(): NatsServer {
    if (this.#server === undefined) throw new Error('there is no nats-server');
    return this.#server;
  }

  /** A transport over the server. */
  transport(options: NatsTransportOptions = {}) {
    return natsTransport({ servers: this.server.url, patience: PATIENCE, ...options });
  }

  /** An endpoint that nobody has. */
  endpoint(): string {
    return `nats:test.${process.pid}.${this.#names++}`;
  }

  async sender(
    endpoint: string,
    options: Partial<NatsSenderOptions> = {},
    transport = this.transport(),
  ): Promise<NatsSender> {
    const sender = (await transport.createSender({ endpoint, ...options })) as NatsSender;
    this.#open.push({ close: () => sender.destroy() });
    return sender;
  }

  async receiver(
    endpoint: string,
    options: Partial<NatsReceiverOptions> = {},
    transport = this.transport(),
  ): Promise<NatsReceiver> {
    const receiver = (await transport.createReceiver({ endpoint, ...options })) as NatsReceiver;
    this.#open.push(receiver);
    return receiver;
  }

  async requester(
    endpoint: string,
    options: Partial<NatsRequestOptions> = {},
    transport = this.transport(),
  ): Promise<NatsRequester> {
    const requester = await transport.createRequester({ endpoint, ...options });
    this.#open.push({ close: () => requester.destroy() });
    return requester;
  }

  async responder(
    endpoint: string,
    options: Partial<NatsResponderOptions> = {},
    transport = this.transport(),
  ): Promise<NatsResponder> {
    const responder = await transport.createResponder({ endpoint, ...options });
    this.#open.push({ close: () => responder.destroy() });
    return responder;
  }

  /** Ends all that the test has opened. */
  async clear(): Promise<void> {
    for (const each of this.#open.splice(0).reverse()) await each.close();
  }
}

/** Lets the event loop turn until `condition` holds. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** A message that tells which it is, and is wrong if any of its bytes is another's. */
export function message(number: number, byteLength: number): ReturnType<typeof Buffer.alloc> {
  const bytes = Buffer.alloc(byteLength, number % 251);
  if (byteLength >= 4) bytes.writeUInt32LE(number);
  return bytes;
}
