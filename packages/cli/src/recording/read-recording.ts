import { type FileHandle, open } from 'node:fs/promises';
import * as zlib from 'node:zlib';
import { McapStreamReader, type McapTypes } from '@mcap/core';
import { RecordingError } from './errors.js';
import { TAGS } from './recording-file.js';

/** How much of a file is read at once. */
const PIECE = 1024 * 1024;

/** A message of a recording, as it is read. Its bytes are valid until the next one. */
export interface Replayed {
  readonly topic: string;
  readonly tag: number;
  /** When it came, in nanoseconds since 1970. */
  readonly time: bigint;
  readonly bytes: Uint8Array;
}

/** Node has it from 22.15 on. */
const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (bytes: Uint8Array) => Uint8Array };

/**
 * Reads the messages of an MCAP file in the order in which they are there. Tags are joined to the messages that they
 * belong to. A file that was cut off, because whoever wrote it was killed, ends where it is cut.
 *
 * @throws `RecordingError`, and errors of the file.
 */
export async function* readRecording(path: string): AsyncGenerator<Replayed> {
  const handle = await open(path, 'r');
  try {
    yield* messagesOf(recordsOf(handle, path));
  } finally {
    await handle.close();
  }
}

async function* recordsOf(
  handle: FileHandle,
  path: string,
): AsyncGenerator<McapTypes.TypedMcapRecord> {
  const zstd = zstdDecompressSync;
  const reader = new McapStreamReader({ decompressHandlers: zstd ? { zstd } : {} });
  try {
    for (;;) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(PIECE), 0, PIECE);
      if (bytesRead === 0) return;
      reader.append(buffer.subarray(0, bytesRead));
      for (;;) {
        const record = reader.nextRecord();
        if (record === undefined) break;
        yield record;
      }
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    throw new RecordingError(`${path} cannot be read as MCAP: ${(error as Error).message}`);
  }
}

/** The tag of a message, by the message's number. */
interface Tag {
  readonly sequence: number;
  readonly tag: number;
}

async function* messagesOf(
  records: AsyncGenerator<McapTypes.TypedMcapRecord>,
): AsyncGenerator<Replayed> {
  const topics = new Map<number, string>();
  /** By the topic of their messages: the last one that was read. */
  const tags = new Map<string, Tag>();
  /** What may be the tag of a topic that has not been named yet. */
  let early: (Replayed & Tag & { readonly owner: string }) | undefined;
  for await (const record of records) {
    if (record.type === 'Channel') {
      topics.set(record.id, record.topic);
      if (early?.owner === record.topic) {
        tags.set(early.owner, early);
        early = undefined;
      }
    }
    if (record.type !== 'Message') continue;
    // The message of a tag follows it at once.
    if (early !== undefined) yield { ...early, tag: 0 };
    early = undefined;
    const topic = topics.get(record.channelId) ?? '';
    const { sequence, logTime: time, data: bytes } = record;
    const owner = topic.endsWith(TAGS) ? topic.slice(0, -TAGS.length) : undefined;
    const tag = owner === undefined ? undefined : tagIn(bytes);
    if (owner !== undefined && tag !== undefined) {
      const isNamed = [...topics.values()].includes(owner);
      if (isNamed) tags.set(owner, { sequence, tag });
      else early = { owner, topic, sequence, tag, time, bytes: bytes.slice() };
      continue;
    }
    const known = tags.get(topic);
    yield { topic, tag: known?.sequence === sequence ? known.tag : 0, time, bytes };
    tags.delete(topic);
  }
  if (early !== undefined) yield { ...early, tag: 0 };
}

/** The tag that a message of a topic of tags has; `undefined` if it has none. */
function tagIn(bytes: Uint8Array): number | undefined {
  try {
    const { tag } = JSON.parse(Buffer.from(bytes).toString()) as { readonly tag?: unknown };
    const isTag = typeof tag === 'number' && Number.isInteger(tag) && tag >= 0 && tag < 2 ** 32;
    return isTag ? tag : undefined;
  } catch {
    return undefined;
  }
}
