import { readdirSync, readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect } from 'vitest';

/** How many descriptors this process has open. */
export function countDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** How many mappings of shared memory of ours this process has, of whatever kind. */
export function countSharedMappings(): number {
  return readFileSync('/proc/self/maps', 'latin1').split('/memfd:pageferry-').length - 1;
}

/** Has V8 collect all that nobody refers to. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

/**
 * Waits until all is given back, for as long as a busy machine may take for it: watchers and
 * handshakes give back in later turns of the event loop, and files when Node's thread pool has come
 * to them. What is left behind for good is still there in the end, and its test fails.
 */
async function givenBack(isSo: () => boolean): Promise<void> {
  const end = performance.now() + 5_000;
  while (!isSo() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Fails each test of this file that leaves a descriptor or a mapping behind. */
export function expectNothingLeft(): void {
  let descriptors = 0;
  beforeEach(() => {
    descriptors = countDescriptors();
  });
  afterEach(async () => {
    await givenBack(() => countDescriptors() <= descriptors);
    // What a program still held when its owner was closed stays until it is garbage.
    await givenBack(() => {
      if (countSharedMappings() === 0) return true;
      collectGarbage();
      return false;
    });
    expect(countSharedMappings()).toBe(0);
    expect(countDescriptors()).toBe(descriptors);
  });
}
