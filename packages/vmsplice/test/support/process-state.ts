import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect } from 'vitest';

function countDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

function countControlMappings(): number {
  return readFileSync('/proc/self/maps', 'latin1').split('pageferry-control').length - 1;
}

/** Fails each test of this file that leaves a descriptor or control memory behind. */
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
    expect(countDescriptors()).toBe(descriptors);
    expect(countControlMappings()).toBe(0);
  });
}
