import { sourceDetached } from './base/detached.js';
import { PageferryError } from './errors.js';
import { memoryOf } from './view-memory.js';

function describe(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 40)}'`;
  if (typeof value === 'number' || typeof value === 'bigint') return `${value}`;
  if (value === null || typeof value !== 'object') return String(value);
  try {
    const name: unknown = value.constructor?.name;
    return typeof name === 'string' ? name : 'an object';
  } catch {
    return 'an object';
  }
}

/**
 * True for an AbortSignal, be it one of another realm or of another implementation (jsdom has its own).
 */
export function isAbortSignal(value: unknown): value is AbortSignal {
  const signal = value as Partial<AbortSignal> | null;
  return (
    typeof signal === 'object' &&
    signal !== null &&
    typeof signal.aborted === 'boolean' &&
    typeof signal.addEventListener === 'function' &&
    typeof signal.removeEventListener === 'function'
  );
}

/** The error for an unusable argument. */
export function invalidArgument(
  argument: string,
  value: unknown,
  expected: string,
): PageferryError {
  return new PageferryError(
    'INVALID_ARGUMENT',
    `${argument} must be ${expected}, not ${describe(value)}`,
    { argument },
  );
}

/**
 * Passes an integer from `minimum` to `maximum`.
 *
 * @throws `INVALID_ARGUMENT` for anything else: another type, NaN, a fraction, out of range.
 */
export function checkInteger(
  argument: string,
  value: unknown,
  minimum: number,
  maximum: number = Number.MAX_SAFE_INTEGER,
): number {
  if (!Number.isInteger(value) || (value as number) < minimum || (value as number) > maximum) {
    const limit = maximum === Number.MAX_SAFE_INTEGER ? 'up' : `to ${maximum}`;
    throw invalidArgument(argument, value, `an integer from ${minimum} ${limit}`);
  }
  return value as number;
}

/** As {@link checkInteger}, with a default for `undefined`. */
export function checkOptionalInteger(
  argument: string,
  value: unknown,
  fallback: number,
  minimum: number,
  maximum?: number,
): number {
  return value === undefined ? fallback : checkInteger(argument, value, minimum, maximum);
}

/**
 * Passes the length of a message.
 *
 * @throws `INVALID_ARGUMENT`, or `MESSAGE_TOO_LARGE` above `maximum` bytes.
 */
export function checkMessageLength(value: unknown, maximum: number): number {
  const byteLength = checkInteger('byteLength', value, 0);
  if (byteLength > maximum) throw messageTooLarge(byteLength, maximum);
  return byteLength;
}

/**
 * Passes the tag of a message.
 *
 * @throws `INVALID_ARGUMENT` for anything but an integer from 0 to 2^32 - 1.
 */
export function checkTag(value: unknown): number {
  return checkInteger('tag', value, 0, 0xffffffff);
}

/** The error for a message of `byteLength` bytes where `maximum` is possible. */
export function messageTooLarge(byteLength: number, maximum: number): PageferryError {
  return new PageferryError(
    'MESSAGE_TOO_LARGE',
    `a message of ${byteLength} bytes is larger than the ${maximum} bytes that are possible here`,
  );
}

/**
 * Passes bytes: a `Uint8Array` (`Buffer` included), another typed array or a `DataView`, or an array of such.
 *
 * @returns the same memory as bytes, piece by piece, in views that nobody else has.
 * @throws `INVALID_ARGUMENT` for anything else, `BYTES_DETACHED` for memory that is not there any more.
 */
export function checkBytes(argument: string, value: unknown): readonly Uint8Array[] {
  if (ArrayBuffer.isView(value) || !Array.isArray(value)) return [asBytes(argument, value)];
  // Other than `map` it does not leave holes out.
  return Array.from(value, (piece) => asBytes(argument, piece));
}

function asBytes(argument: string, value: unknown): Uint8Array {
  if (!ArrayBuffer.isView(value)) {
    throw invalidArgument(argument, value, 'a typed array, a DataView, or an array of them');
  }
  const memory = memoryOf(value);
  if (memory === undefined) throw sourceDetached(argument);
  const { buffer, byteOffset, byteLength } = memory;
  // A view of its own, also of a Uint8Array: parts of one of another class (`subarray`) are made by that class, as it likes.
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/**
 * Passes an endpoint: a path, a name or `fd:N`.
 *
 * @throws `INVALID_ARGUMENT` for another type, `ENDPOINT_INVALID` for an empty one, one with a NUL byte, and the
 *   names of folders (`.`, `..`).
 */
export function checkEndpoint(value: unknown): string {
  if (typeof value !== 'string')
    throw invalidArgument('endpoint', value, 'a name or a file system path');
  if (value === '' || value.includes('\0')) {
    throw new PageferryError('ENDPOINT_INVALID', 'the endpoint is empty or holds a NUL byte', {
      argument: 'endpoint',
    });
  }
  if (value === '.' || value === '..') {
    const words = `the endpoint ${value} is a folder: an endpoint is a name, or the path of a file`;
    throw new PageferryError('ENDPOINT_INVALID', words, { argument: 'endpoint' });
  }
  if (value.startsWith('fd:') && inheritedDescriptor(value) === undefined) {
    throw new PageferryError(
      'ENDPOINT_INVALID',
      `an inherited endpoint is fd:N with the number of a descriptor, not ${value} (a file is ./${value})`,
      { argument: 'endpoint' },
    );
  }
  return value;
}

/**
 * The descriptor number of an endpoint that is no path but an inherited socket, `fd:N`; `undefined`
 * for a path. (A file of that name is `./fd:N`.)
 */
export function inheritedDescriptor(endpoint: string): number | undefined {
  const [, digits] = /^fd:(\d{1,9})$/.exec(endpoint) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * Passes an array of which `isOne` holds for every element.
 *
 * @throws `INVALID_ARGUMENT` for anything else.
 */
export function checkArrayOf<T>(
  argument: string,
  value: unknown,
  expected: string,
  isOne: (each: unknown) => each is T,
): readonly T[] {
  if (!Array.isArray(value)) throw invalidArgument(argument, value, expected);
  for (const each of value as unknown[]) {
    if (!isOne(each)) throw invalidArgument(argument, each, expected);
  }
  return value as readonly T[];
}

/** Passes true or false, and `fallback` for `undefined`. @throws `INVALID_ARGUMENT`. */
export function checkFlag(argument: string, value: unknown, fallback = false): boolean {
  if (value !== undefined && typeof value !== 'boolean') {
    throw invalidArgument(argument, value, 'true or false');
  }
  return value ?? fallback;
}
