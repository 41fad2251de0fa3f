import { createHash } from 'node:crypto';
import type { See, Write } from '../channels/channel.js';
import type { Task } from '../trials/task.js';

/** What every byte of a message is. */
const FILL = 0x5a;
/** What no byte of a message is. */
const ABSENT = 0xa5;

/** What the two sides do to each message, and the digest of it where they verify. */
export interface Payload {
  readonly write: Write;
  readonly see: See;
  /**
   * From now on `write` does no more than its work. Until then it also writes to all of a memory that it has not met:
   * memory that nobody ever wrote to is not there yet, and the kernel takes a slower way to it.
   */
  readonly settle: () => void;
  /** SHA-256 of everything written, in hexadecimal. Only in verification. */
  readonly written: () => string;
  /** SHA-256 of everything seen, likewise. */
  readonly seen: () => string;
  /** For messages and their answers: what several do at the same time. */
  readonly lane: () => Lane;
  /** How many answers were not what their message was. Only in verification. */
  readonly astray: () => number;
}

/** Does its work to one message and its answer after the other. */
export interface Lane {
  readonly write: Write;
  readonly see: See;
  /** All of an answer was seen. */
  readonly answered: () => void;
}

/** The work of a scenario, done to each message. */
export function payloadOf(task: Task): Payload {
  if (task.verify) return verified();
  return ['work', 'fan-out', 'across'].includes(task.scenario) ? everyByte() : oneByte();
}

/** Touches one byte on either side. */
function oneByte(): Payload {
  let turn = 0;
  let sum = 0;
  let met: WeakSet<Uint8Array> | undefined = new WeakSet();
  return unchecked({
    settle() {
      met = undefined;
    },
    write(bytes) {
      if (met !== undefined && !met.has(bytes)) {
        met.add(bytes); // Memory that is lent again comes as the same view.
        bytes.fill(FILL);
      }
      turn = (turn + 1) & 0xff;
      bytes[0] = turn;
    },
    see(bytes, start, _end, offset) {
      if (offset === 0) sum = (sum + (bytes[start] as number)) | 0;
    },
  });
}

/** Writes every byte; scans every byte, in native code on both sides. */
function everyByte(): Payload {
  return unchecked({
    settle() {},
    write: (bytes) => void bytes.fill(FILL),
    see(bytes, start, end) {
      const part = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
      if (part.indexOf(ABSENT) !== -1) throw new Error('a byte is there that nobody sent');
    },
  });
}

/** The same work for whoever does it, and nobody looks at what has come. */
function unchecked(work: Pick<Payload, 'write' | 'see' | 'settle'>): Payload {
  const lane = { ...work, answered() {} };
  return { ...work, written: () => '', seen: () => '', lane: () => lane, astray: () => 0 };
}

/** Writes a pattern that differs from message to message, and digests what was written and seen. */
function verified(): Payload {
  const written = createHash('sha256');
  const seen = createHash('sha256');
  let turn = 0;
  let astray = 0;
  const write: Write = (bytes) => {
    fillWithPattern(bytes, turn++);
    written.update(bytes);
  };
  return {
    settle() {},
    write,
    see: (bytes, start, end) => void seen.update(bytes.subarray(start, end)),
    written: () => written.digest('hex'),
    seen: () => seen.digest('hex'),
    // The other side writes the same pattern into its answers, message by message.
    lane: () =>
      comparing(write, (isSame) => {
        if (!isSame) astray++;
      }),
    astray: () => astray,
  };
}

/** Says of each answer whether it is what its message was. */
function comparing(write: Write, tell: (isSame: boolean) => void): Lane {
  let message = '';
  let answer = createHash('sha256');
  return {
    write(bytes) {
      write(bytes);
      message = createHash('sha256').update(bytes).digest('hex');
    },
    see: (bytes, start, end) => void answer.update(bytes.subarray(start, end)),
    answered() {
      tell(answer.digest('hex') === message);
      answer = createHash('sha256');
    },
  };
}

const PATTERN = Buffer.alloc(64 * 1024);
for (let at = 0, state = 1; at < PATTERN.length; at += 4) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // Numerical Recipes' generator.
  PATTERN.writeUInt32LE(state, at);
}

/** Another offset into the pattern for each message, so that no two pages in a row are the same. */
function fillWithPattern(bytes: Uint8Array, turn: number): void {
  let from = (turn * 4099) % PATTERN.length;
  for (let at = 0; at < bytes.length; from = 0) {
    const length = Math.min(PATTERN.length - from, bytes.length - at);
    bytes.set(PATTERN.subarray(from, from + length), at);
    at += length;
  }
  for (let at = 0; at + 4 <= bytes.length; at += 4096) {
    bytes[at] = turn;
    bytes[at + 1] = at >>> 12;
    bytes[at + 2] = at >>> 20;
  }
}
