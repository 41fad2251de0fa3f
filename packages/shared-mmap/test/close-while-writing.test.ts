import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LinuxCalls } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { callsWith, isFilled, KIB, LIMIT, MIB, openStage, until } from './support/stage.js';

const real = loadLinuxCalls();
const CLOSED: unknown = expect.objectContaining({ code: 'CLOSED' });
const POOL = { poolBytes: 64 * KIB };

/** Calls whose writes on a thread take until they are let go. */
function holdingWrites(): { readonly calls: LinuxCalls; writing: boolean; letGo: () => void } {
  let letGo = (): void => undefined;
  const mayGo = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const state = { writing: false, letGo, calls: real };
  const writeOnThread: LinuxCalls['writeOnThread'] = async (...words) => {
    state.writing = true;
    await mayGo;
    return real.writeOnThread(...words);
  };
  return Object.assign(state, { calls: callsWith({ writeOnThread }) });
}

describe('close() while spliceTo writes to a file', () => {
  expectNothingLeft();

  describe.each([false, true])('(guard: %s)', (guard) => {
    test.each([
      ['the last piece of a message of the pool', 5000, 5000],
      ['the last piece of a message with memory of its own', 100 * KIB, 100 * KIB],
      ['a piece before the last', MIB + 5000, MIB],
    ])('%s lets that piece end, and gives everything back', async (_, length, moved) => {
      const folder = mkdtempSync(join(tmpdir(), 'pageferry-'));
      const path = join(folder, 'file');
      for (const signal of [undefined, new AbortController().signal]) {
        const file = await open(path, 'w');
        const state = holdingWrites();
        await using stage = await openStage(POOL, [{ guard, binding: state.calls }]);
        const { sender, receiver } = stage;
        expect(await sender.send(new Uint8Array(length).fill(7), LIMIT)).toBe('sent');
        const moving = receiver.spliceTo(file, { signal }).catch((error: unknown) => error);
        await until(() => state.writing);
        const closing = receiver.close();
        for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
        expect(sender.stats().bytesOut).toBeGreaterThan(0);
        state.letGo();
        const result = await moving;
        if (moved === length) expect(result).toMatchObject({ byteLength: length, sequence: 0 });
        else expect(result).toEqual(CLOSED);
        await closing;
        await file.close();
        const written = readFileSync(path);
        expect([written.length, isFilled(written, 7)]).toEqual([moved, true]);
        await sender.flush(LIMIT);
        expect(sender.stats().bytesOut).toBe(0);
      }
      rmSync(folder, { recursive: true });
    });
  });
});
