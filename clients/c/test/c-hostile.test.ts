import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../../packages/testkit/dist/index.js';
import { compile, hasCompiler, run, SANITIZERS, whySkipped } from './peer.js';

// Peers that break the protocol, by hand, against the client in C under the sanitizers for addresses and undefined behavior: it
// tells a breach where there is one, goes on with the others, and leaves nothing behind.

/** To one that reads the ring, and to one that may miss messages. */
const TO_EITHER = `
  nothing more: nothing
  a message of the whole pool: nothing
  one byte more than the pool: a breach
  2^31 bytes: a breach
  2^32 - 1 bytes: a breach
  a place beyond the pool: a breach
  the last place there is: a breach
  a slot with bit 31: a breach
  own memory that was not passed: a breach
  own memory without seals: a breach
  own memory that can be written: a breach
  own memory that is shorter: a breach
  own memory as it should be: nothing
  a record that is none: a breach
  65 records: a breach
  a death: the other side ended without closing
  a cut: the other side lives, and has cut this one off
  the end: the other side has ended in good order
  64 rings for nothing: nothing
  the 65th: a breach
  65 rings for nothing: nothing
`.trim();

const TO_RECEIVERS = `
  as it should be: done
  control memory without seals: a breach
  control memory that can shrink: a breach
  control memory of one page: a breach
  control memory of no bytes: a breach
  control memory that is longer: a breach
  another magic: a breach
  another version within: a breach
  capacity 0: a breach
  capacity 1000: a breach
  capacity 2^31: a breach
  capacity 2^32 - 1: a breach
  another page size: a breach
  a parked word among the header: a breach
  a parked word among the entries: a breach
  a parked word far away: a breach
  payload without seals: a breach
  payload that is a socket: a breach
  a ring without seals: a breach
  a ring of capacity 2048: a breach
  a ring of capacity 2^31: a breach
  a ring with another magic: a breach
  a bell that counts down: a breach
  a bell that is memory: a breach
  no ring: a breach
  a descriptor too many: a breach
  no descriptors: a breach
  a number above 2^52: a breach
  half a head: a breach
  a hello for a welcome: a breach
  a kind that there is not: a breach
  silence, and nobody after it: nothing
  to one that reads the ring
  ${TO_EITHER}
  to one that may miss messages
  ${TO_EITHER}
  and what the two differ in
  1025 messages at once: a breach
  a counter that goes back: a breach
  another number in the ring: a breach
  a number a second time: a breach
  a number of 2^53: a breach
  billions of entries that were dropped: nothing
  through a pipe
  nothing: nothing
  a message: nothing
  more bytes than there are: a breach
  a length of 2^53: a breach
  another number: a breach
  a record on the socket: a breach
  the write end of a pipe: a breach
  memory for a pipe: a breach
  1025 messages: a breach
  survived
  0 descriptors are left
`;

const TO_SENDERS = `
  nothing: served
  everything: served
  more than was sent: cut off
  2^31 messages: cut off
  2^32 - 1 messages: cut off
  2^31 entries: cut off
  2^32 - 1 entries: cut off
  one that it keeps: served
  one that it keeps twice: cut off
  one to come that it keeps: cut off
  one long past that it keeps: cut off
  a slot that it does not keep: cut off
  a slot that there is not: cut off
  a slot with bit 31: cut off
  own memory without taking it off the socket: cut off
  own memory that was never passed: served
  own memory that was taken: served
  by one that may miss messages
  nothing: served
  what it has not taken: served
  what it has taken: served
  it twice: cut off
  another number: cut off
  more than there is: cut off
  2^31 entries: cut off
  claims of all kinds: served
  and in other ways
  a word on the socket: cut off
  an empty word on the socket: cut off
  64 rings: served
  65 rings: cut off
  half a head: hung up on
  257 bytes: hung up on
  17 parameters: hung up on
  garbage: hung up on
  a welcome: hung up on
  16 descriptors: answered
  another mechanism: answered
  another version: hung up on
  after 100 that say nothing: welcomed
  1000 came and went
  its process: known
  its end, while a child of it lives: noticed
  over a channel
  nothing: done
  no memory: refused with reason 5
  memory without seals: refused with reason 5
  a message: done
  2^31 bytes: a breach
  2^32 - 1 bytes: a breach
  1025 messages: a breach
  an answer that nobody waits for: done
  a question with every bit: done
  more returned than was sent: a breach
  2^31 returned: a breach
  2^32 - 1 entries returned: a breach
  what is not kept returned: a breach
  garbage on the socket: a breach
  survived
  0 descriptors are left
`;

const linesOf = (text: string): readonly string[] =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim());

describe.skipIf(!hasCompiler)(`hostile peers of the client in C${whySkipped}`, () => {
  const folder = temporaryFolder();

  test.each([
    ['of receivers', 'hostile-sender', TO_RECEIVERS],
    ['of senders and listeners', 'hostile-receiver', TO_SENDERS],
  ])('%s', { timeout: 120_000 }, async (_title, name, expected) => {
    const program = join(folder.path, name);
    await compile(name, program, SANITIZERS, ['raw']);
    const endpoints = join(folder.path, `${name}-endpoints`);
    mkdirSync(endpoints);
    const seed = Math.floor(Math.random() * 2 ** 32);
    const { stdout } = await run(program, [endpoints, `${seed}`]).catch((error: unknown) => {
      throw new Error(`${name} failed, with the seed ${seed}`, { cause: error });
    });
    const short = stdout
      .replaceAll(': the other side broke the protocol', ': a breach')
      .replaceAll(/: nothing has come, .*/g, ': nothing');
    expect(linesOf(short)).toEqual(linesOf(expected));
  });
});
