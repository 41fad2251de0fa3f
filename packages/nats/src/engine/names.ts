import { PageferryError } from '@pageferry/core';

/** What an endpoint of this transport begins with. */
const SCHEME = 'nats:';

/** Names of streams that this transport has made begin with it. */
export const STREAM_PREFIX = 'PAGEFERRY_';

/** The consumer that shows that a sender is there. */
export const SENDER_CONSUMER = 'sender';

/** Tokens that this transport puts behind a subject for itself. */
const OWN_TOKENS = {
  presence: '_sender',
  closed: '_closed',
  questions: '_questions',
  responders: '_responders',
} as const;

/** A control line of the servers has 4096 bytes at most, and a subject is not all of one. */
const LONGEST_SUBJECT = 1024;

/** One token of a subject: no blanks, no control characters, no wildcards. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
const TOKEN = /^[^\x00-\x20\x7f.*>]+$/;

/**
 * The subject of an endpoint, `nats:SUBJECT`.
 *
 * @throws `ENDPOINT_INVALID`, `ENDPOINT_TOO_LONG`.
 */
export function subjectOf(endpoint: string): string {
  const subject = endpoint.startsWith(SCHEME) ? endpoint.slice(SCHEME.length) : '';
  const tokens = subject.split('.');
  const own: readonly string[] = Object.values(OWN_TOKENS);
  const isForEngine = subject.startsWith('$') || subject.startsWith('_INBOX');
  if (isForEngine || tokens.some((token) => !TOKEN.test(token) || own.includes(token))) {
    throw new PageferryError(
      'ENDPOINT_INVALID',
      `an endpoint of this transport is nats:SUBJECT, with a subject of the program's own and without ` +
        `wildcards, blanks, ${own.join(' and ')}, not ${endpoint}`,
      { argument: 'endpoint' },
    );
  }
  if (Buffer.byteLength(subject) > LONGEST_SUBJECT) {
    throw new PageferryError(
      'ENDPOINT_TOO_LONG',
      `a subject has ${LONGEST_SUBJECT} bytes at most, not ${Buffer.byteLength(subject)}`,
      { argument: 'endpoint' },
    );
  }
  return subject;
}

/** The subject that nothing is published on: a consumer of it shows that the sender is there. */
export function presenceSubject(subject: string): string {
  return `${subject}.${OWN_TOKENS.presence}`;
}

/**
 * The subject of a stream whose sender has closed, and which receivers still drain: another sender may have the
 * endpoint. With `*` for the stream: those of all of them.
 */
export function closedSubject(subject: string, stream: string): string {
  return `${subject}.${OWN_TOKENS.closed}.${stream}`;
}

/** The subject that questions are asked on. */
export function questionSubject(subject: string): string {
  return `${subject}.${OWN_TOKENS.questions}`;
}

/** The subject that each responder listens on, also one that takes no questions now. */
export function responderSubject(subject: string): string {
  return `${subject}.${OWN_TOKENS.responders}`;
}
