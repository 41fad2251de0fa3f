import { type FileHandle, open } from 'node:fs/promises';
import { McapWriter } from '@mcap/core';
import { clock } from '@pageferry/core';
import { OutputError } from './errors.js';

/** A message of a recording. */
export interface Recorded {
  /** Its number, counted by its sender from 0. */
  readonly sequence: number;
  readonly tag: number;
  /** When it came, in nanoseconds since 1970. */
  readonly time: bigint;
  readonly bytes: Uint8Array;
}

/** Bytes without a meaning of their own, by the name that MIME has for them. */
const ENCODING = 'application/octet-stream';

/** What is behind the topic of messages in that of their tags. */
export const TAGS = '/tags';

const TAG_SCHEMA = {
  type: 'object',
  properties: { sequence: { type: 'integer' }, tag: { type: 'integer' } },
};

/** The time now, as recordings have it. */
export function nowInNanoseconds(): bigint {
  // As one number it would have more digits than a double.
  const whole = Math.floor(clock.timeOrigin);
  const rest = clock.timeOrigin - whole + clock.now();
  return BigInt(whole) * 1_000_000n + BigInt(Math.round(rest * 1e6));
}

/**
 * An MCAP file that is being written (https://mcap.dev/spec). Messages are in one topic. A tag other than 0 is a message
 * of its own in a second topic, before the one that it belongs to and with its number: so the bytes of messages are what
 * was sent, and nothing else.
 */
export class RecordingFile {
  readonly #handle: FileHandle;
  readonly #writer: McapWriter;
  readonly #topic: string;
  readonly #path: string;
  #channel = -1;
  #tags = -1;
  #position = 0n;
  #ended = false;
  /** How many messages it has. */
  count = 0;

  private constructor(handle: FileHandle, path: string, topic: string) {
    this.#handle = handle;
    this.#path = path;
    this.#topic = topic;
    this.#writer = new McapWriter({
      writable: {
        position: () => this.#position,
        write: (bytes) => this.#write(bytes),
      },
    });
  }

  /**
   * Makes the file.
   *
   * @param force whether to write over one that is there.
   * @throws `OutputError`, for one that is there, too.
   */
  static async create(path: string, topic: string, force: boolean): Promise<RecordingFile> {
    let handle: FileHandle;
    try {
      handle = await open(path, force ? 'w' : 'wx');
    } catch (error) {
      throw outputError(path, error);
    }
    const file = new RecordingFile(handle, path, topic);
    await file.#begin();
    return file;
  }

  /** Adds a message. Its bytes may change once this has resolved. @throws `OutputError`. */
  async add({ sequence, tag, time, bytes }: Recorded): Promise<void> {
    const times = { sequence: sequence % 2 ** 32, logTime: time, publishTime: time };
    if (tag !== 0) {
      if (this.#tags < 0) this.#tags = await this.#registerTags();
      const data = Buffer.from(JSON.stringify({ sequence, tag }));
      await this.#writer.addMessage({ channelId: this.#tags, data, ...times });
    }
    await this.#writer.addMessage({ channelId: this.#channel, data: bytes, ...times });
    this.count++;
  }

  /** Writes the index, and closes the file. Harmless the second time. @throws `OutputError`. */
  async end(facts: Readonly<Record<string, string>>): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    try {
      await this.#writer.addMetadata({
        name: 'pageferry',
        metadata: new Map(Object.entries(facts)),
      });
      await this.#writer.end();
    } finally {
      await this.#handle.close();
    }
  }

  /** Closes the file as it is. */
  async abandon(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#handle.close();
  }

  async #begin(): Promise<void> {
    await this.#writer.start({ profile: '', library: 'pageferry' });
    this.#channel = await this.#writer.registerChannel({
      schemaId: 0,
      topic: this.#topic,
      messageEncoding: ENCODING,
      metadata: new Map(),
    });
  }

  async #registerTags(): Promise<number> {
    const schemaId = await this.#writer.registerSchema({
      name: 'pageferry.Tag',
      encoding: 'jsonschema',
      data: Buffer.from(JSON.stringify(TAG_SCHEMA)),
    });
    return this.#writer.registerChannel({
      schemaId,
      topic: `${this.#topic}${TAGS}`,
      messageEncoding: 'json',
      metadata: new Map(),
    });
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length; ) {
        at += (await this.#handle.write(bytes, at)).bytesWritten;
      }
    } catch (error) {
      throw outputError(this.#path, error);
    }
    this.#position += BigInt(bytes.length);
  }
}

function outputError(path: string, cause: unknown): OutputError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const words = code === 'EEXIST' ? 'is there already; --force writes over it' : message;
  return new OutputError(`${path}: ${words}`, { cause });
}
