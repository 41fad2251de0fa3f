import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type ListenOptions, Socket } from 'node:net';
import type { Stage } from './stage.js';

/** The far end of a pipe or socket: what was written to the near end can be read from it. */
export class FarEnd {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    // Who reads notices an error; who does not read does not care.
    socket.on('error', () => {});
  }

  /** Reads exactly `byteLength` bytes, or what comes before the end. */
  async read(byteLength = Number.POSITIVE_INFINITY): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let missing = byteLength;
    while (missing > 0) {
      const available = this.#socket.readableLength;
      const chunk = this.#socket.read(Math.min(missing, available) || undefined) as Buffer | null;
      if (chunk !== null) {
        chunks.push(chunk);
        missing -= chunk.length;
      } else if (this.#socket.readableEnded || this.#socket.destroyed) {
        break;
      } else {
        await this.#news();
      }
    }
    return Buffer.concat(chunks);
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Resolves when there is something to read, or nothing more will come. */
  async #news(): Promise<void> {
    const first = new AbortController();
    const { signal } = first;
    const events = ['readable', 'end', 'close'].map((event) =>
      once(this.#socket, event, { signal }),
    );
    try {
      await Promise.race(events);
    } finally {
      // Those that did not happen would keep their listeners.
      first.abort();
      await Promise.allSettled(events);
    }
  }
}

/** A pipe of the file system. Both ends are closed after the test. */
export interface Fifo {
  /** The end to write to. */
  readonly fd: number;
  /** Starts reading at the other end. Nothing is read before the first call. */
  readonly farEnd: () => FarEnd;
  /** Closes the end to write to; the far end sees the end. */
  readonly closeNearEnd: () => void;
  /** Closes the far end unread. */
  readonly closeFarEnd: () => void;
}

/** @param flags for the end to write to: `O_NONBLOCK` or 0. */
export function openFifo(stage: Stage, flags: number = constants.O_NONBLOCK): Fifo {
  const path = stage.path('fifo');
  execFileSync('mkfifo', ['-m', '600', path]);
  const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const fd = openSync(path, constants.O_WRONLY | flags);
  let farEnd: FarEnd | undefined;
  const closeNearEnd = onlyOnce(() => closeSync(fd));
  const closeFarEnd = onlyOnce(() => (farEnd ? farEnd.close() : closeSync(readFd)));
  stage.defer(closeNearEnd);
  stage.defer(closeFarEnd);
  return {
    fd,
    closeNearEnd,
    closeFarEnd,
    farEnd: () => {
      farEnd ??= new FarEnd(new Socket({ fd: readFd, readable: true, writable: false }));
      return farEnd;
    },
  };
}

function onlyOnce(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}

/** A connected socket: its descriptor, and its far end. Both are closed after the test. */
export async function openSocket(
  stage: Stage,
  kind: 'unix' | 'tcp',
): Promise<{ readonly fd: number; readonly farEnd: FarEnd; readonly finish: () => void }> {
  const server = createServer({ pauseOnConnect: true });
  stage.defer(() => server.close());
  const where: ListenOptions =
    kind === 'unix' ? { path: stage.path('sock') } : { host: '127.0.0.1', port: 0 };
  await once(server.listen(where), 'listening');
  const accepted = once(server, 'connection');
  const near =
    kind === 'unix'
      ? connect(where.path as string)
      : connect((server.address() as AddressInfo).port, '127.0.0.1');
  stage.defer(() => near.destroy());
  await once(near, 'connect');
  const [far] = (await accepted) as [Socket];
  stage.defer(() => far.destroy());
  const { fd } = (near as unknown as { readonly _handle: { readonly fd: number } })._handle;
  return { fd, farEnd: new FarEnd(far), finish: () => near.end() };
}

/** Opens a file for the time of the test. */
export function openFile(stage: Stage, path: string, flags: string | number): number {
  const fd = openSync(path, flags, 0o600);
  stage.defer(() => {
    try {
      closeSync(fd);
    } catch {
      // The test has closed it.
    }
  });
  return fd;
}

/** `/dev/null`, open for the time of the test: for calls that are not expected to move anything. */
export function openNullDevice(stage: Stage): number {
  return openFile(stage, '/dev/null', 'w');
}
