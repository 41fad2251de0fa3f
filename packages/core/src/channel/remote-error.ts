import type { Bytes } from '../contract/bytes.js';
import { PageferryError } from '../errors.js';

/** What of an error travels to the other side. */
interface SentError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
}

/** The longest text that travels, in characters. */
const LONGEST = 16 * 1024;

/** An error as the bytes of an answer: JSON. Of what was thrown that is no error the text travels. */
export function encodeError(error: unknown): Bytes {
  const { name, message, code } = legible(error);
  const sent: SentError = {
    name: name.slice(0, LONGEST),
    message: message.slice(0, LONGEST),
    ...(code === undefined ? {} : { code: code.slice(0, LONGEST) }),
  };
  return new Uint8Array(Buffer.from(JSON.stringify(sent)));
}

/** Whoever has asked is to be told in any case: also by an error that throws when it is read. */
function legible(error: unknown): SentError {
  try {
    return partsOf(error);
  } catch {
    return { name: 'Error', message: 'an error that cannot be read' };
  }
}

function partsOf(error: unknown): SentError {
  if (typeof error !== 'object' || error === null) return { name: 'Error', message: String(error) };
  const { name, message, code } = error as Partial<SentError>;
  return {
    name: typeof name === 'string' ? name : 'Error',
    message: typeof message === 'string' ? message : 'an error without a message',
    ...(typeof code === 'string' ? { code } : {}),
  };
}

/**
 * The error of a request that was answered with one. No bytes: the other side has released the request and not
 * answered it. Whatever else the bytes are, they came from the peer and are believed to be text at most.
 */
export function requestFailed(bytes: Uint8Array): PageferryError {
  if (bytes.length === 0) {
    return new PageferryError(
      'REQUEST_UNANSWERED',
      'the other side has released the request without an answer: it does not answer such',
    );
  }
  const cause = decodeError(bytes);
  return new PageferryError(
    'REQUEST_FAILED',
    `the other side answered with an error: ${cause.message}`,
    { cause },
  );
}

/** The error that {@link encodeError} has made bytes of, as far as these can be read. */
export function decodeError(bytes: Uint8Array): Error {
  const { name, message, code } = decode(bytes);
  return Object.assign(new Error(message), { name, ...(code === undefined ? {} : { code }) });
}

function decode(bytes: Uint8Array): SentError {
  try {
    return partsOf(JSON.parse(Buffer.from(bytes).toString()));
  } catch {
    return { name: 'Error', message: 'it cannot be read' };
  }
}
