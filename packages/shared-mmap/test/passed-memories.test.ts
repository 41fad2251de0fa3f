import { describe, expect, test } from 'vitest';
import { PassedMemories } from '../dist/sending/passed-memories.js';

describe('what was passed to a receiver', () => {
  test('in vain is limited by what it may have to keep', () => {
    const memories = new PassedMemories();
    for (let number = 0; number < 16; number++) {
      expect(memories.mayPass(0)).toBe(true);
      // Again for the same number: the receiver keeps the last one.
      for (let time = 0; time < 20; time++) {
        memories.passed(number);
        memories.passedInVain(number);
      }
    }
    expect(memories.mayPass(0)).toBe(false);
    // It has come past numbers 0 to 9, in whatever order it returns them.
    memories.returned(9, false);
    for (let number = 16; number < 26; number++) {
      expect(memories.mayPass(0)).toBe(true);
      memories.passed(number);
      memories.passedInVain(number);
    }
    expect(memories.mayPass(0)).toBe(false);
    memories.returned(25, true);
    expect(memories.mayPass(0)).toBe(true);
  });

  test('in vain is limited by its descriptors, too', () => {
    const memories = new PassedMemories();
    memories.passed(0, 252);
    memories.passedInVain(0);
    expect(memories.mayPass(0)).toBe(true);
    // In the place of the others.
    memories.passed(0, 3);
    memories.passedInVain(0);
    memories.passed(1, 252);
    memories.passedInVain(1);
    expect(memories.mayPass(0)).toBe(true);
    memories.passed(2, 1);
    memories.passedInVain(2);
    expect(memories.mayPass(0)).toBe(false);
    memories.returned(0, false);
    expect(memories.mayPass(0)).toBe(true);
  });

  test('waits while too much is on its socket', () => {
    const memories = new PassedMemories();
    expect(memories.mayPass(31)).toBe(true);
    expect(memories.mayPass(32)).toBe(false);
    // A receiver that lies has heard of more than there is.
    expect(memories.mayPass(-5)).toBe(true);
  });

  test('is hoarded if it has returned a message without having heard of its memory', () => {
    const memories = new PassedMemories();
    for (let time = 0; time < 50; time++) {
      memories.passed(0);
      memories.passedInVain(0);
    }
    // Another message went as number 0.
    memories.returned(0, false);
    expect(memories.areHoarded(50)).toBe(false);
    memories.passed(1);
    memories.passed(2);
    expect(memories.areHoarded(52)).toBe(false);
    memories.returned(1, true);
    expect(memories.areHoarded(2)).toBe(true);
    expect(memories.areHoarded(1)).toBe(false);
    memories.returned(2, true);
    expect(memories.areHoarded(1)).toBe(true);
    expect(memories.areHoarded(0)).toBe(false);
  });
});
