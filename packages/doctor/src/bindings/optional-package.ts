/** A package that is missing, which is nothing to worry about. */
export class NotInstalled extends Error {
  constructor(packageName: string) {
    super(`${packageName} is not installed`);
  }
}

/**
 * Whether an import failed because that very package is not there, and not one that it needs, by what Node, bundlers
 * and the runners of tests say.
 */
export function isMissing(packageName: string, error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  const isNotFound = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
  return isNotFound && message.includes(`'${packageName}'`);
}

/** An error in one line, with what is behind it. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : ` (${reasonOf(error.cause)})`;
  return `${error.message.replace(/\s*\n\s*/g, ' ')}${cause}`;
}
