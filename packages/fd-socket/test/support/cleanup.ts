import { type FdSocketPair, openPair } from '@pageferry/fd-socket';
import { expectNothingLeft, turns } from '@pageferry/testkit';
import { afterAll, afterEach, beforeAll } from 'vitest';

const cleanups: (() => void)[] = [];

/** Has something closed with the test, before it is looked whether it has left anything. */
export function atEnd(cleanup: () => void): void {
  cleanups.push(cleanup);
}

/** Fails each test of this file that leaves a descriptor behind. */
export function expectNoDescriptorLeft(): void {
  // What a binding keeps for its thread, it has from here to the end.
  const kept: FdSocketPair[] = [];
  beforeAll(async () => {
    kept.push(await openPair({ binding: 'napi' }), await openPair({ binding: 'ffi' }));
    await turns(10);
  });
  afterAll(() => {
    for (const { socket, other } of kept) {
      socket.destroy();
      other.close();
    }
  });
  expectNothingLeft();
  // The last one registered is the first one to run.
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup();
  });
}
