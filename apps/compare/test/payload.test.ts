import { describe, expect, it } from 'vitest';
import { payloadOf } from '../dist/peers/payload.js';

const TASK = {
  scenario: 'discard',
  payloadBytes: 16,
  receivers: 1,
  channel: { module: '', settings: {} },
  folder: '',
  verify: false,
  warmUpMilliseconds: 0,
  measureMilliseconds: 0,
} as const;

const touched = (bytes: Uint8Array) => bytes.filter((byte) => byte !== 0).length;

describe('a message of which one byte is touched', () => {
  it('is in memory that was written as a whole before the clock starts, as in C', () => {
    const payload = payloadOf(TASK);
    const memory = new Uint8Array(16);
    payload.write(memory);
    expect(touched(memory)).toBe(16);
  });

  it('is written as a whole once, however often its memory is lent', () => {
    const payload = payloadOf(TASK);
    const memory = new Uint8Array(16);
    payload.write(memory);
    memory.fill(0);
    payload.write(memory);
    expect(touched(memory)).toBe(1);
  });

  it('costs no more than one byte once that is settled', () => {
    const payload = payloadOf(TASK);
    payload.settle();
    const memory = new Uint8Array(16);
    payload.write(memory);
    expect(touched(memory)).toBe(1);
  });
});
