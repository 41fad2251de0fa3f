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

/** Fails each test of this file that leaves a descriptor or a mapping behind. */
export function expectNothingLeft(): void {
  let descriptors = 0;
  beforeEach(() => {
    descriptors = countDescriptors();
  });
  afterEach(async () => {
    // Watchers and handshakes that have ended give back what they held in the turns that follow.
    for (let turn = 0; turn < 50 && countDescriptors() > descriptors; turn++) {
      await new Promise(setImmediate);
    }
    // What a program still held when its owner was closed stays until it is garbage.
    for (let turn = 0; turn < 20 && countSharedMappings() > 0; turn++) {
      collectGarbage();
      await new Promise(setImmediate);
    }
    expect(countSharedMappings()).toBe(0);
    expect(countDescriptors()).toBe(descriptors);
  });
}
