import { createMemoryFile, type OwnedFd, UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, fuzzRuns } from '@pageferry/testkit';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  decodeSideRecord,
  encodeSideRecord,
  SIDE_RECORD_ROOM,
} from '../dist/control/side-record.js';

const calls = loadLinuxCalls();

describe('a record on the side channel', () => {
  expectNothingLeft();

  let sender: UnixSocket;
  let receiver: UnixSocket;
  let file: OwnedFd;

  beforeEach(() => {
    [sender, receiver] = UnixSocket.pair(calls);
    file = createMemoryFile(calls, 'record');
  });
  afterEach(() => {
    for (const each of [sender, receiver, file]) each.close();
  });

  function next() {
    const message = receiver.receive(SIDE_RECORD_ROOM);
    if (message === undefined || message === 'end') throw new Error('nothing has come');
    return message;
  }

  test.each([0, -1, 0x7fffffff, -0x80000000])('has any 32-bit words (%i)', (word) => {
    sender.send(encodeSideRecord(word, word ^ 1), [file]);
    const record = decodeSideRecord(next());
    expect(record).toMatchObject({ kind: word, word: word ^ 1 });
    const descriptors = record?.descriptors as readonly OwnedFd[];
    expect(descriptors.map(({ open }) => open)).toEqual([true]);
    for (const descriptor of descriptors) descriptor.close();
  });

  test.each([0, 1, 2, 253])('may come with %i descriptors', (count) => {
    sender.send(encodeSideRecord(1, 2), Array(count).fill(file));
    const record = decodeSideRecord(next());
    expect(record).toMatchObject({ kind: 1, word: 2 });
    const descriptors = record?.descriptors as readonly OwnedFd[];
    expect(descriptors.filter(({ open }) => open)).toHaveLength(count);
    for (const descriptor of descriptors) descriptor.close();
  });

  test('has lost its descriptors where this process had none left for some of them (11.15)', () => {
    sender.send(encodeSideRecord(1, 2), [file, file]);
    const message = next();
    const cut = { ...message, truncated: true, descriptorsLost: true };
    expect(decodeSideRecord(cut)?.descriptors).toBe('lost');
    for (const descriptor of message.descriptors) expect(descriptor.open).toBe(false);
  });

  test.each([
    ['is too short', 7, 1],
    ['is too long', 9, 1],
    ['is too long, with several', 9, 2],
  ])('is none if it %s, and nothing is left of it', (_, byteLength, descriptors) => {
    sender.send(new Uint8Array(byteLength), Array(descriptors).fill(file));
    const message = next();
    expect(decodeSideRecord(message)).toBeUndefined();
    for (const descriptor of message.descriptors) expect(descriptor.open).toBe(false);
  });

  test('is one or none, whatever has come, and owns what it does not close', () => {
    const message = fc.tuple(fc.uint8Array({ maxLength: 12 }), fc.nat(3));
    const property = fc.property(message, ([bytes, count]) => {
      if (bytes.length === 0) return; // That is the end of the connection.
      sender.send(bytes, Array(count).fill(file));
      const came = next();
      const record = decodeSideRecord(came);
      expect(record !== undefined).toBe(bytes.length === 8);
      for (const descriptor of came.descriptors) {
        expect(descriptor.open).toBe(record !== undefined);
        descriptor.close();
      }
    });
    fc.assert(property, fuzzRuns(500));
  });
});
