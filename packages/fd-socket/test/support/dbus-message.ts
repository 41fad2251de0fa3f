/** A message of D-Bus, as far as the test needs it. */
export interface DbusMessage {
  readonly type: number;
  readonly serial: number;
  /** Header fields by their codes: texts and numbers. */
  readonly fields: Readonly<Record<number, string | number>>;
  readonly body: Buffer;
}

export const FIELD = {
  path: 1,
  interface: 2,
  member: 3,
  replySerial: 5,
  destination: 6,
  signature: 8,
  fds: 9,
};
/** The type of the value of each field. */
const TYPES: Readonly<Record<number, string>> = {
  1: 'o',
  2: 's',
  3: 's',
  4: 's',
  5: 'u',
  6: 's',
  7: 's',
  8: 'g',
  9: 'u',
};

/** A string as D-Bus has it: length, text, NUL. */
export function marshalText(text: string): Buffer {
  const bytes = Buffer.alloc(5 + Buffer.byteLength(text));
  bytes.writeUInt32LE(bytes.length - 5, 0);
  bytes.write(text, 4);
  return bytes;
}

export function marshalNumber(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** Bytes, filled up to a multiple. */
export function padded(bytes: Buffer, multiple: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((multiple - (bytes.length % multiple)) % multiple)]);
}

export function marshal({ type, serial, fields, body }: DbusMessage): Buffer {
  let list = Buffer.alloc(0);
  for (const [code, value] of Object.entries(fields)) {
    const kind = TYPES[Number(code)] as string;
    const head = Buffer.from([Number(code), 1, kind.charCodeAt(0), 0]);
    list = Buffer.concat([padded(list, 8), head, marshalValue(kind, value)]);
  }
  const head = Buffer.concat([
    Buffer.from(['l'.charCodeAt(0), type, 0, 1]),
    marshalNumber(body.length),
    marshalNumber(serial),
    marshalNumber(list.length),
    list,
  ]);
  return Buffer.concat([padded(head, 8), body]);
}

function marshalValue(kind: string, value: string | number): Buffer {
  if (typeof value === 'number') return marshalNumber(value);
  if (kind === 'g') return Buffer.from(`${String.fromCharCode(value.length)}${value}\0`, 'latin1');
  return marshalText(value);
}

/** The message at the beginning of some bytes, and what comes after it; `undefined` if it is not there whole. */
export function unmarshal(bytes: Buffer): { message: DbusMessage; rest: Buffer } | undefined {
  if (bytes.length < 16) return undefined;
  const end = 16 + bytes.readUInt32LE(12);
  const bodyAt = Math.ceil(end / 8) * 8;
  const total = bodyAt + bytes.readUInt32LE(4);
  if (bytes.length < total) return undefined;
  const fields: Record<number, string | number> = {};
  for (let at = 16; at < end; at = Math.ceil(at / 8) * 8) {
    const code = bytes[at] as number;
    const kind = String.fromCharCode(bytes[at + 2] as number);
    at += 4;
    if (kind === 'u') {
      fields[code] = bytes.readUInt32LE(at);
      at += 4;
    } else {
      const [width, length] = kind === 'g' ? [1, bytes[at] as number] : [4, bytes.readUInt32LE(at)];
      fields[code] = bytes.toString('utf8', at + width, at + width + length);
      at += width + length + 1;
    }
  }
  const body = bytes.subarray(bodyAt, total);
  const message = { type: bytes[1] as number, serial: bytes.readUInt32LE(8), fields, body };
  return { message, rest: bytes.subarray(total) };
}
