import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';

/** Where a test's files are, and what has to be cleaned up after it. */
export class Place {
  readonly folder = mkdtempSync(join(tmpdir(), 'pageferry-socket-'));
  readonly #cleanups: (() => unknown)[] = [];

  /** A path at which nothing exists yet. */
  path(name = 'endpoint'): string {
    return join(this.folder, name);
  }

  /** Has `cleanup` called after the test; the last one first. */
  defer(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup);
  }

  /** Has `resource` closed after the test. */
  own<T extends AsyncDisposable>(resource: T): T {
    this.defer(() => resource[Symbol.asyncDispose]());
    return resource;
  }

  async clear(): Promise<void> {
    for (const cleanup of this.#cleanups.reverse()) await cleanup();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A function that gives each test a place of its own. */
export function usePlace(): () => Place {
  let place: Place | undefined;
  afterEach(async () => {
    await place?.clear();
    place = undefined;
  });
  return () => {
    place ??= new Place();
    return place;
  };
}
