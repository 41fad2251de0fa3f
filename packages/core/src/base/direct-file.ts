import { close, constants, open, readFileSync, write } from 'node:fs';
import { promisify } from 'node:util';

const writeOnce = promisify(write);
const openFile = promisify(open);
const closeFile = promisify(close);

/** Moves the position of a descriptor on, by so many bytes; false if it could not. */
type Advance = (byteLength: number) => boolean;

/**
 * Writes through the page cache to a descriptor that is open for direct I/O (`O_DIRECT`, open(2)), which
 * takes only whole blocks from aligned memory. Without system calls of one's own the flag cannot be
 * switched off: the file is opened anew without it, written at the descriptor's position, and that is
 * moved on. See `docs/decisions/0024-past-the-page-cache-without-a-binding.md`.
 *
 * @returns bytes written; `undefined` if the descriptor is not open for direct I/O.
 * @throws what the file system answers.
 */
export async function writeBesideDirect(
  fd: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
): Promise<number | undefined> {
  const status = directStatus(fd);
  if (status === undefined) return undefined;
  const { flags, position } = status;
  const appends = (flags & constants.O_APPEND) !== 0;
  const advance = appends ? undefined : await positionOf(fd);
  const kept = flags & (constants.O_APPEND | constants.O_SYNC | constants.O_DSYNC);
  const beside = await openFile(`/proc/self/fd/${fd}`, constants.O_WRONLY | kept);
  try {
    const at = appends ? null : position;
    const { bytesWritten } = await writeOnce(beside, bytes, offset, length, at);
    if (advance?.(bytesWritten) === false) throw seekError(fd);
    return bytesWritten;
  } finally {
    await closeFile(beside);
  }
}

/** Flags and position of a descriptor that is open for direct I/O, as the kernel tells (proc(5)). */
function directStatus(
  fd: number,
): { readonly flags: number; readonly position: number } | undefined {
  if (constants.O_DIRECT === undefined) return undefined;
  try {
    const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
    const flags = Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(text)?.[1] ?? '', 8);
    const position = Number(/^pos:\s*(\d+)$/m.exec(text)?.[1]);
    const isDirect = (flags & constants.O_DIRECT) !== 0;
    return isDirect && Number.isSafeInteger(position) ? { flags, position } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * `(module (import "w" "s" (func (param i32 i64 i32 i32) (result i32))) (memory (export "memory") 1)
 * (func (export "seek") (param i64) (result i32) i32.const 1 local.get 0 i32.const 1 i32.const 0 call 0))`:
 * `fd_seek(1, offset, SEEK_CUR, 0)`.
 */
const SEEK_MODULE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[
    0x01, 0x0e, 0x02, 0x60, 0x04, 0x7f, 0x7e, 0x7f, 0x7f, 0x01, 0x7f, 0x60, 0x01, 0x7e, 0x01, 0x7f,
  ],
  ...[0x02, 0x07, 0x01, 0x01, 0x77, 0x01, 0x73, 0x00, 0x00],
  ...[0x03, 0x02, 0x01, 0x01],
  ...[0x05, 0x03, 0x01, 0x00, 0x01],
  ...[0x07, 0x11, 0x02, 0x06, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 0x02, 0x00],
  ...[0x04, 0x73, 0x65, 0x65, 0x6b, 0x00, 0x01],
  ...[
    0x0a, 0x0e, 0x01, 0x0c, 0x00, 0x41, 0x01, 0x20, 0x00, 0x41, 0x01, 0x41, 0x00, 0x10, 0x00, 0x0b,
  ],
);

/** What is used of `WebAssembly`, whose types come with the DOM's. */
interface WebAssemblyApi {
  instantiate(
    bytes: Uint8Array,
    imports: object,
  ): Promise<{ readonly instance: { readonly exports: Record<string, unknown> } }>;
}

/** lseek(2) is not among what `node:fs` offers; WASI's `fd_seek` is lseek(2) on a descriptor it is given. */
async function positionOf(fd: number): Promise<Advance> {
  const { WASI } = await import('node:wasi');
  const wasi = new WASI({ version: 'preview1', stdout: fd });
  const imports = { w: { s: (wasi.wasiImport as Record<string, unknown>)['fd_seek'] } };
  const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyApi };
  const { instance } = await WebAssembly.instantiate(SEEK_MODULE, imports);
  wasi.initialize(instance);
  const seek = instance.exports['seek'] as (byteLength: bigint) => number;
  return (byteLength) => seek(BigInt(byteLength)) === 0;
}

function seekError(fd: number): NodeJS.ErrnoException {
  const message = `the position of descriptor ${fd} cannot be moved on`;
  return Object.assign(new Error(message), { syscall: 'lseek', code: 'EINVAL', errno: -22 });
}
