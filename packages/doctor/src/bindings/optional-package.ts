import { createRequire } from 'node:module';
import { checkSpareDescriptors } from '@pageferry/linux';

const require = createRequire(import.meta.url);

/** More than a sender and a receiver together take, and than Node takes to load a package. */
const ENOUGH = 24;

/** A package that is missing, which is nothing to worry about. */
export class NotInstalled extends Error {
  constructor(packageName: string) {
    super(`${packageName} is not installed`);
  }
}

/**
 * Imports an optional package.
 *
 * @throws `NotInstalled`, `SYSTEM_CALL_FAILED` (`EMFILE`), or what keeps it from loading.
 */
export async function importIfInstalled(packageName: string): Promise<object> {
  checkSpareDescriptors(ENOUGH);
  try {
    require.resolve(packageName);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') {
      throw new NotInstalled(packageName);
    }
    throw error;
  }
  return (await import(packageName)) as object;
}

/** An error in one line, with what is behind it. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : ` (${reasonOf(error.cause)})`;
  return `${error.message.replace(/\s*\n\s*/g, ' ')}${cause}`;
}
