import {
  cpSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';
import { pauseFor } from '@pageferry/core';
import { expect } from 'vitest';
import type { NatsReceiver } from '../../dist/receiving/nats-receiver.js';
import type { NatsSender } from '../../dist/sending/nats-sender.js';
import { Ground, message } from './server.js';

/** How long a server takes at most to write down how far a consumer is, in milliseconds. */
const WRITTEN = 1000;

/** A server that can be killed, and started with less than it had confirmed. */
export class ForgetfulGround extends Ground {
  /**
   * Notes what the server has written of an endpoint's stream.
   *
   * @param part what of it: `'msgs'`, or all of it.
   * @returns kills the server, and starts it with that; `meanwhile` is done in between.
   */
  async remember(
    endpoint: string,
    part = '',
  ): Promise<(meanwhile?: () => unknown) => Promise<void>> {
    await pauseFor(WRITTEN);
    const copy = join(this.server.folder, 'copy');
    cpSync(this.#folderOf(endpoint, part), copy, { recursive: true });
    return async (meanwhile) => {
      await pauseFor(WRITTEN);
      await this.server.kill();
      await meanwhile?.();
      const folder = this.#folderOf(endpoint, part);
      rmSync(folder, { recursive: true });
      renameSync(copy, folder);
      await this.server.start();
    };
  }

  /** Kills the server, and starts it with the last megabyte and a half of an endpoint's stream cut off. */
  async killHalfWritten(endpoint: string): Promise<void> {
    await pauseFor(WRITTEN);
    await this.server.kill();
    const folder = this.#folderOf(endpoint, 'msgs');
    const names = readdirSync(folder);
    const last = join(folder, names.filter((name) => name.endsWith('.blk')).at(-1) ?? 'none');
    truncateSync(last, statSync(last).size - 1_500_000);
    // What it has noted of them otherwise.
    for (const name of names) if (!name.endsWith('.blk')) rmSync(join(folder, name));
    await this.server.start();
  }

  /** The folder of an endpoint's stream, or one in it. */
  #folderOf(endpoint: string, part: string): string {
    const streams = join(this.server.folder, 'jetstream', '$G', 'streams');
    const subject = JSON.stringify(endpoint.slice('nats:'.length));
    const hasSubject = (name: string): boolean =>
      readFileSync(join(streams, name, 'meta.inf'), 'utf8').includes(subject);
    return join(streams, readdirSync(streams).find(hasSubject) ?? 'none', part);
  }
}

/** Sends messages one after the other, each of which all receivers have to get. */
export async function pass(
  sender: NatsSender,
  receivers: readonly NatsReceiver[],
  numbers: readonly number[],
  byteLength = 1000,
): Promise<void> {
  for (const number of numbers) {
    expect(await sender.send(message(number, byteLength))).toBe('sent');
    for (const receiver of receivers) await expectNext(receiver, number, byteLength);
  }
}

/** The next message of a receiver has to be this one. */
export async function expectNext(
  receiver: NatsReceiver,
  number: number,
  byteLength = 1000,
): Promise<void> {
  using delivery = await receiver.receive();
  expect(delivery?.copy().equals(message(number, byteLength))).toBe(true);
}
