/** A failure that the demo itself finds. It has a code, as errors of Node and of Pageferry do. */
export class DemoError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A reason to end that needs no words, because whoever caused it knows. */
export class QuietEnd extends Error {
  /** The exit status by which shells know this reason: 128 and the number of a signal, say. */
  readonly status: number;

  constructor(reason: string, status: number) {
    super(reason);
    this.status = status;
  }
}

/** The code of an error, where it has one. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** One line about an error, its code first: something to read, and something to search for. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = codeOf(error);
  // An error without a code is a bug in the demo: then the stack is of use.
  if (code === undefined) return error.stack ?? error.message;
  // Node collects the failures for all addresses of a host, and leaves the message empty.
  const [first] = error instanceof AggregateError ? error.errors : [error];
  const line = first.message.replace(/\s*\n\s*/g, ' ');
  return line.startsWith(code) ? line : `${code}: ${line}`;
}
