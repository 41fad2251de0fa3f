import { invalidArgument } from './checks.js';

/** What to tell whoever passes something that has no descriptor. */
export interface DescriptorAdvice {
  /** Which end of a pipe is meant, if both were passed: its name in what `openPipe()` returns. */
  readonly end: 'readEnd' | 'writeEnd';
  /** What to do instead of passing a stream. */
  readonly instead: string;
}

const DESTINATION: DescriptorAdvice = {
  end: 'writeEnd',
  instead: 'write the deliveries to the stream, or pass a FileHandle or what openSync() returned',
};

/**
 * The descriptor number behind a splice destination, or something else that is passed as a descriptor.
 *
 * @throws `INVALID_ARGUMENT` for anything that is not a descriptor number or an object with one.
 */
export function checkDescriptor(
  argument: string,
  value: unknown,
  advice: DescriptorAdvice = DESTINATION,
): number {
  const fd = typeof value === 'object' && value !== null ? (value as { fd?: unknown }).fd : value;
  if (!Number.isInteger(fd) || (fd as number) < 0 || (fd as number) > 0x7fffffff) {
    throw invalidArgument(argument, value, expected(value, fd, advice));
  }
  const waiting = (value as { writableLength?: unknown } | null)?.writableLength;
  if (typeof waiting === 'number' && waiting > 0) {
    const what = `a stream that has written all that it was given, and ${waiting} bytes wait in this one`;
    throw invalidArgument(argument, value, `${what} (await its 'drain' event)`);
  }
  return fd as number;
}

function expected(value: unknown, fd: unknown, { end, instead }: DescriptorAdvice): string {
  const usual = 'an open descriptor or an object with one in fd';
  if (typeof value !== 'object' || value === null) return usual;
  if ('readEnd' in value && 'writeEnd' in value) return `one end of the pipe (${end})`;
  // So says a FileHandle that was closed.
  if (fd === -1) return `${usual}, and this one is closed`;
  const isStream = ['pipe', 'pipeTo', 'getWriter', 'write'].some(
    (name) => typeof (value as Record<string, unknown>)[name] === 'function',
  );
  if (!isStream) return usual;
  // A file's stream has one as soon as it is open.
  if (fd === null) return `${usual} (wait for the stream's 'open' event)`;
  return `${usual}, which this stream has not (${instead})`;
}
