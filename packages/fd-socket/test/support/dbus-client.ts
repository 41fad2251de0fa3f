import type { FdSocket, OwnedFd } from '@pageferry/fd-socket';
import {
  type DbusMessage,
  FIELD,
  marshal,
  marshalNumber,
  marshalText,
  padded,
  unmarshal,
} from './dbus-message.js';
import { next } from './sockets.js';

const BUS = 'org.freedesktop.DBus';
const METHOD_CALL = 1;
const METHOD_RETURN = 2;

/** What came, with its descriptors: the receiver's. */
export interface Arrival {
  readonly message: DbusMessage;
  readonly fds: readonly OwnedFd[];
}

/** As much of a D-Bus client as it takes to pass a descriptor. */
export class DbusClient {
  readonly #socket: FdSocket;
  #bytes: Buffer = Buffer.alloc(0);
  readonly #fds: OwnedFd[] = [];
  #serial = 0;

  private constructor(socket: FdSocket) {
    this.#socket = socket;
  }

  /** Authenticates, negotiates descriptors, and says hello. */
  static async begin(socket: FdSocket): Promise<DbusClient> {
    const client = new DbusClient(socket);
    const uid = Buffer.from(String(process.getuid?.())).toString('hex');
    socket.write(`\0AUTH EXTERNAL ${uid}\r\n`);
    const ok = await client.#line();
    if (!ok.startsWith('OK ')) throw new Error(ok);
    socket.write('NEGOTIATE_UNIX_FD\r\n');
    const agreed = await client.#line();
    if (agreed !== 'AGREE_UNIX_FD') throw new Error(agreed);
    socket.write('BEGIN\r\n');
    await client.callBus('Hello', '', Buffer.alloc(0));
    return client;
  }

  /** Takes a name of the bus. */
  async requestName(name: string): Promise<void> {
    const body = Buffer.concat([padded(marshalText(name), 4), marshalNumber(4)]);
    const { message } = await this.callBus('RequestName', 'su', body);
    if (message.body.readUInt32LE() !== 1) throw new Error('the name is taken');
  }

  async callBus(member: string, signature: string, body: Buffer): Promise<Arrival> {
    return await this.call(
      { destination: BUS, path: '/', interface: BUS, member, signature },
      body,
    );
  }

  /** Calls a method, and waits for what it returns. */
  async call(
    to: { [name in 'destination' | 'path' | 'interface' | 'member' | 'signature']: string },
    body: Buffer,
    fds: readonly { fd: number }[] = [],
  ): Promise<Arrival> {
    const fields: Record<number, string | number> = {
      [FIELD.path]: to.path,
      [FIELD.interface]: to.interface,
      [FIELD.member]: to.member,
      [FIELD.destination]: to.destination,
    };
    const serial = this.send(METHOD_CALL, fields, to.signature, body, fds);
    for (;;) {
      const arrival = await this.receive();
      if (arrival.message.fields[FIELD.replySerial] === serial) {
        if (arrival.message.type === METHOD_RETURN) return arrival;
        throw new Error(arrival.message.body.toString());
      }
    }
  }

  /** Returns something to who has called. */
  reply(
    { message }: Arrival,
    signature: string,
    body: Buffer,
    fds: readonly { fd: number }[],
  ): void {
    const fields = {
      [FIELD.replySerial]: message.serial,
      [FIELD.destination]: message.fields[7] as string,
    };
    this.send(METHOD_RETURN, fields, signature, body, fds);
  }

  send(
    type: number,
    fields: Record<number, string | number>,
    signature: string,
    body: Buffer,
    fds: readonly { fd: number }[],
  ): number {
    const serial = ++this.#serial;
    const all = { ...fields };
    if (signature !== '') all[FIELD.signature] = signature;
    if (fds.length > 0) all[FIELD.fds] = fds.length;
    this.#socket.write({ data: marshal({ type, serial, fields: all, body }), fds });
    return serial;
  }

  /** The next message: its descriptors are the first ones that have come. */
  async receive(): Promise<Arrival> {
    for (;;) {
      const found = unmarshal(this.#bytes);
      if (found === undefined) {
        await this.#more();
        continue;
      }
      this.#bytes = found.rest;
      const count = Number(found.message.fields[FIELD.fds] ?? 0);
      return { message: found.message, fds: this.#fds.splice(0, count) };
    }
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#bytes.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#bytes.toString('latin1', 0, end);
        this.#bytes = this.#bytes.subarray(end + 2);
        return line;
      }
      await this.#more();
    }
  }

  async #more(): Promise<void> {
    const message = await next(this.#socket);
    this.#bytes = Buffer.concat([this.#bytes, message.data]);
    this.#fds.push(...message.takeFds());
  }
}
